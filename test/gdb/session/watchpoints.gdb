# Watchpoints stop behind exactly the accesses to what is watched, of their kind.
handle SIGSEGV nostop
break accesses
continue
watch watched[0]
# want: Hardware watchpoint 2: watched[0]
continue
# want: Old value = 0
# want: in plain_store ()
continue
# want: in atomic_add ()
continue
# want: in conditional ()
x/i $pc - 4
# want: sc.d	a1,a1,(a0)
continue
# want: in byte_store ()
continue
# want: in float_store ()
continue
# want: New value = 1
delete 2
awatch across[4096]
continue
# want: access (read/write) watchpoint 3: across[4096]
# want: Old value = 0 '\000'
# want: New value = 255
delete
continue
