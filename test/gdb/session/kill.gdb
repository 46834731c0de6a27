# Killing ends the run.
break twin
continue
kill
# want: killed
# status: 137
