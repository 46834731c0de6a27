# What the debugger writes into code is what runs.
handle SIGSEGV nostop
break late
continue
# want: Breakpoint 1
set {short}spin = 0x4501
set {short}((long)spin + 2) = 0x8082
delete
continue
# want: exited with code 07
# guest: target: 608, 2 and 1
