# Unit tests: parts of Skerry linked into small programs. (The board's, device*.c and link.c, are `test-device`.)
include test/unit/stub.mk

UNIT_KERNEL := check fastpath delete halt preempt regress
UNIT_TESTS  := $(UNIT_KERNEL:%=$(BUILD)/test/unit/%)

$(UNIT_TESTS): $(BUILD)/test/unit/%: $(BUILD)/stub/test/unit/%.o $(STUB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

# The whole node, without the `skerry` program.
$(BUILD)/test/unit/determinism: $(BUILD)/host/test/unit/determinism.o \
                                $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) \
                                $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The bare-metal kernel's reader of device trees, in a process.
$(BUILD)/test/unit/fdt: test/unit/fdt.c port/metal-riscv64/fdt.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -I. -Iabi -Iabi/riscv64 -Iport/isa-riscv64 -Iport/metal-riscv64 -o $@ $^

# Waiting, and signals meanwhile.
$(BUILD)/test/unit/wait: $(BUILD)/host/test/unit/wait.o $(patsubst %.c,$(BUILD)/host/%.o,$(wildcard host/linux/*.c))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lpthread

# Programs whose states are compared; with sanitizers fewer.
DETERMINISM := $(if $(SANITIZE),$(BUILD)/conform/preempt.elf,$(CONFORM_ELFS)) $(BUILD)/fuzz/guest-7-10-1000-50-0-0.elf

TESTS += test-unit
test-unit: $(UNIT_TESTS) $(BUILD)/test/unit/determinism $(BUILD)/test/unit/fdt $(BUILD)/test/unit/wait $(DETERMINISM) examples
	@set -e; for test in $(UNIT_TESTS); do timeout -k 1 300 $$test; done
	@timeout -k 1 10 $(BUILD)/test/unit/fdt
	@timeout -k 1 120 $(BUILD)/test/unit/wait
	@timeout -k 1 300 $(BUILD)/test/unit/determinism $(BUILD)/example/*.elf $(DETERMINISM)

-include $(wildcard $(BUILD)/host/test/unit/*.d)
.PHONY: test-unit
