# A watchpoint is kept also after other accesses to its page.
handle SIGSEGV nostop
break accesses
continue
rwatch watched[1]
watch watched[1]
break store_across
continue
# want: watchpoint 3: watched[1]
# want: New value = 2
# want: in accesses ()
continue
# want: Breakpoint 4, store_across
delete
continue
