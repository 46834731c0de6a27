# Read watchpoints see loads and atomics, not stores.
handle SIGSEGV nostop
break accesses
continue
rwatch *(char *)((long)watched + 3)
continue
# want: Hardware read watchpoint 2
# want: in plain_load ()
continue
# want: in atomic_add ()
continue
# want: in conditional ()
x/i $pc - 4
# want: lr.d	a1,(a0)
break store_across
continue
# want: Breakpoint 3, store_across
delete
continue
