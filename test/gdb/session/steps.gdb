# Steps: of instructions, over system calls as one, of lines, into and over calls, out of them.
handle SIGSEGV nostop
break store_across
continue
finish
# want: half = doubled(half)
next
# want: sum = late(spin(1000))
step
# want: spin (turns=
finish
# want: Value returned is
# want: = 500
break visitor_main
continue
# want: Breakpoint 2.1, visitor_main
delete
python
def at():
    return int(gdb.parse_and_eval("(long)$pc"))
while gdb.execute("x/i $pc", to_string=True).find("ecall") < 0:
    gdb.execute("stepi", to_string=True)
before = at()
gdb.execute("stepi", to_string=True)
print("the call is %d bytes long" % (at() - before))
print("stopped in", gdb.selected_thread().name)
end
# want: the call is 4 bytes long
# want: stopped in visitor
continue
