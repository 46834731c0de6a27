# Breakpoints: where nothing is mapped yet, with conditions, in programs that have not begun; never in memory.
handle SIGSEGV nostop
break *0x50000000
break late
# never: Cannot insert
continue
# want: Breakpoint 2, late
continue
# want: Breakpoint 1, 0x0000000050000000 in
x/2i $pc
# want: add	a0,a0,1
# want: ret
delete
break twin
continue
# want: "twin-two" hit Breakpoint 3.2, twin
delete
break 93 if i == 2 && $_inferior == 3
continue
# want: "twin-one" hit Breakpoint 4
printf "inferior %d, turn %d\n", $_inferior, i
# want: inferior 3, turn 2
break ended
continue
# want: ended ()
delete
continue
