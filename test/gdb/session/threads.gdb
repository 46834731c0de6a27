# Threads of all address spaces, with names and states; threads come and go; each space is an inferior.
handle SIGSEGV nostop
break twin
continue
# want: "twin-two" hit Breakpoint 1.2, twin
info threads
# want: "rootserver" (receives on the endpoint
# want: "twin-two" (running, priority 100)
continue
# want: "twin-one" hit Breakpoint 1.3, twin
info inferiors
# want: process 1
# want: process 3
# want: process 2
break visitor_main
continue
# want: "visitor" hit Breakpoint 2.1, visitor_main
info threads
# want: "visitor" (running
break visited
continue
# want: Breakpoint 3.1, visited
echo after the visit\n
info threads
# want: after the visit
# want: "rootserver" (running
# want: "twin-two" (was never started, or was suspended
# gone: "visitor" after: after the visit
continue
