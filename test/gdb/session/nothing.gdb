# Any number of stops later, guest time is what it would have been.
handle SIGSEGV nostop
break doubled
break late
break ended
watch watched[1]
continue
continue
continue
continue
stepi 20
next
delete
break main
continue
# want: exited with code 07
# guest: target: 1500608, 2 and 1
# same: instructions guest_time_ns
