# The kernel linked with the stub machine (port/stub), which has no processor, and the harness that tests
# drive it with. Whoever needs $(STUB_OBJ) includes this.

ifndef STUB_OBJ
STUB_SRC := $(KERNEL_SRC) $(wildcard port/stub/*.c) test/unit/harness.c test/unit/audit.c
STUB_OBJ := $(STUB_SRC:%.c=$(BUILD)/stub/%.o)
STUBINC  := -I. -Iabi -Iabi/riscv64 -Iport/isa-riscv64 -Iport/stub

$(BUILD)/stub/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(STUBINC) -DSKERRY_CHECK=0 -DSKERRY_DEBUG=1 -c -o $@ $<

-include $(wildcard $(BUILD)/stub/*/*.d $(BUILD)/stub/*/*/*.d)
endif
