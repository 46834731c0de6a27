# Ctrl-C stops a program that does not stop by itself.
break spin
continue
# want: Breakpoint 1, spin (turns=
set $a0 = 1000000000000000
delete
# interrupt
continue
# want: received signal SIGINT
# want: spin (turns=
detach
# status: timeout
