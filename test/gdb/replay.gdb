# In a replay: to the end, back to who wrote this, forward again; what happened cannot be changed.
handle SIGSEGV nostop
break spin
continue
# want: Breakpoint 1, spin (turns=
delete
continue
# want: No more reverse-execution history.
watch watched[0]
reverse-continue
# want: watchpoint 2: watched[0]
# want: Old value = 1
x/i $pc
# want: sd
python
try:
    gdb.execute("set variable watched[0] = 3")
except gdb.MemoryError as error:
    print("refused:", error)
end
# want: refused: Cannot access memory
python
try:
    gdb.execute("set variable $a0 = 3")
except gdb.error as error:
    print("refused:", error)
end
# want: the past cannot be changed
delete
break ended
continue
# want: ended ()
detach
# status: 7
# guest: target: 1500608, 2 and 1
