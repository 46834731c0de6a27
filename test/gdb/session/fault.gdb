# A fault that nobody handles is a stop, and says why; a bad address cannot be read.
continue
# want: "wreck" received signal SIGSEGV, Segmentation fault
# want: in wrecked (argument=0x18
x/i $pc
# want: sb	a5,0(a0)
info threads
# want: "wreck" (faulted, and nobody handled it
output/x $pc
python
try:
    gdb.execute("x/x 0x18")
except gdb.MemoryError as error:
    print(error)
end
# want: Cannot access memory at address 0x18
continue
# want: exited with code 07
