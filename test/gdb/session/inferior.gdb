# Breakpoints and watchpoints of inferior 2 do not fire where others do the same at the same addresses.
handle SIGSEGV nostop
break twin
continue
# want: "twin-two" hit Breakpoint 1.2, twin
continue
# want: "twin-one" hit Breakpoint 1.3, twin
# GDB asks for the registers of the first inferior only, unless it is told to ask again.
unset tdesc filename
set $before = $instret
stepi
printf "%d instruction here, too\n", $instret - $before
# want: 1 instruction here, too
delete
info line 93
inferior 2
eval "break *%#lx", $_
info breakpoints
# want: inf 2
# never: inf 3
awatch watched[1]
continue
# want: "twin-two" hit Breakpoint 2,
continue
# want: "twin-two" hit Breakpoint 2,
continue
# want: "twin-two" hit Breakpoint 2,
continue
# want: exited with code 07
# never: "twin-one" hit Breakpoint 2
# never: Value = 
