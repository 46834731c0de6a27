# Backwards: to the breakpoint before, by instructions and lines, to who last wrote this, to the beginning; and on again.
# never: Cannot remove breakpoints
handle SIGSEGV nostop
break accesses
break ended
continue
# want: Breakpoint 1, accesses
set $first = $instret
break doubled
continue
# want: doubled (value=0.5)
continue
# want: ended ()
printf "half is %g\n", half
# want: half is 1
reverse-continue
# want: doubled (value=0.5)
printf "half is %g\n", half
# want: half is 0.5
reverse-stepi
# want: half = doubled(half);
reverse-stepi
stepi
stepi
# want: doubled (value=0.5)
watch watched[1]
reverse-continue
# want: watchpoint 4: watched[1]
# want: Old value = 2
# want: New value = 0
# want: accesses ()
x/i $pc
# want: sd	a4,8(a5)
delete 4
reverse-continue
# want: Breakpoint 1.1, accesses
printf "back by %d\n", $instret - $first
# want: back by 0
reverse-continue
# want: No more reverse-execution history.
# want: crt_image_start
delete
# Forward to where the run was; there one may write.
continue
# want: No more reverse-execution history.
# want: ended ()
set variable half = 0.25
printf "half is %g\n", half
# want: half is 0.25
continue
# want: exited with code 07
# guest: target: 1500608, 2 and 1
# same: instructions guest_time_ns
