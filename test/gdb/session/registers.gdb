# Registers: integer, floating point and its status, the counters; read and written.
handle SIGSEGV nostop
break doubled
continue
# want: Breakpoint 1, doubled (value=0.5)
printf "fa0 is %g\n", $fa0.double
# want: fa0 is 0.5
set $fa0.double = 21
printf "frm %d, fflags %d, fcsr %d\n", $frm, $fflags, $fcsr
# want: frm 0, fflags 0, fcsr 0
set $fcsr = 0x65
printf "frm %d, fflags %d, fcsr %d\n", $frm, $fflags, $fcsr
# want: frm 3, fflags 5, fcsr 101
set $frm = 0
set $fflags = 0
printf "fcsr %d\n", $fcsr
# want: fcsr 0
set $before = $instret
stepi
printf "%d instruction, the clock is off by %d\n", $instret - $before, $time - $cycle / 100
# want: 1 instruction, the clock is off by 0
set $t3 = 0x123456789abcdef0
printf "t3 is %lx, zero is %d\n", $t3, $zero
# want: t3 is 123456789abcdef0, zero is 0
delete
continue
# want: exited with code 07
# guest: target: 1500608, 2 and 42
