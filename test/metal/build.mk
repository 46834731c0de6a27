# The same programs on bare metal, under QEMU: every example and every conformance program.

TESTS += test-metal
test-metal: $(BUILD)/skerry examples conform
	@test/metal/examples $(BUILD)/skerry $(BUILD)/example
	@$(foreach c,$(CONFORM),test/metal/conform $(BUILD)/skerry $(BUILD)/conform/$(c).elf $(CONFORM_FLAGS_$(c));)

# Shows the example system on bare metal.
run-metal: $(BUILD)/skerry examples
	@$(BUILD)/skerry run --on qemu $(BUILD)/example/tour.elf
.PHONY: run-metal

# Instruction counts: the guest reads instret around each workload, hosted and under QEMU -icount.
ICOUNT_WORKLOADS := $(patsubst %,$(BUILD)/bench/obj/riscv64/%.o,$(BENCH_NAMES))
GUEST_CFLAGS_test/metal/icount.c := -I.
$(BUILD)/metal-test/icount.elf: $(BUILD)/guest/test/metal/icount.o $(ICOUNT_WORKLOADS) $(GUEST_LIB_OBJ) lib/crt/program.ld
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_LINK) -o $@ $(filter %.o,$^)

TESTS += test-icount
test-icount: $(BUILD)/skerry $(BUILD)/metal-test/icount.elf
	@test/metal/icount $(BUILD)/skerry $(BUILD)/metal-test/icount.elf

# The kernel's stack, as deep as it can get; with every invariant checked after each entry too.
TESTS += test-stack
test-stack: $(METAL_KERNELS)
	@test/metal/stack kernel-stack $(BUILD)/metal/kernel.elf
	@test/metal/stack kernel-stack-release $(BUILD)/metal-release/kernel.elf
	@$(MAKE) -s BUILD=$(BUILD)/sanitized CHECK=1 metal
	@test/metal/stack kernel-stack-checked $(BUILD)/sanitized/metal/kernel.elf

# Faults of the kernel itself.
TESTS += test-kernel-faults
test-kernel-faults: $(BUILD)/skerry $(BUILD)/example/hello.elf
	@PYTHONDONTWRITEBYTECODE=1 test/metal/faults $(BUILD)/skerry $(BUILD)/metal/kernel.elf $(BUILD)/example/hello.elf

# Upstream's test suite, in an image of ours, and with our kernel in upstream's.
TESTS += test-upstream-metal
test-upstream-metal: $(BUILD)/skerry
	@test/upstream $(BUILD)/skerry metal
	@test/upstream $(BUILD)/skerry loader $(BUILD)/metal/kernel.elf

# Ways to boot: boards that differ, and a loader that hands over as upstream's does.
$(eval $(call guest_program,memory,metal-test,test/metal/boot/memory.c))
$(BUILD)/metal-test/kernel.elf: $(BUILD)/skerry
	@mkdir -p $(@D)
	$(BUILD)/skerry image --kernel-only --root-cnode-bits 14 -o $@
$(BUILD)/metal-test/loader.elf: test/metal/boot/loader.c test/bench/run/metal.ld $(BUILD)/metal-test/kernel.elf $(BUILD)/metal-test/memory.elf
	$(METAL_CC) $(METAL_CFLAGS) -fno-lto -fno-tree-loop-distribute-patterns -nostartfiles -static -T test/bench/run/metal.ld \
		-Wl,--section-start=.text=0x84000000,--no-warn-rwx-segments \
		-DKERNEL='"$(BUILD)/metal-test/kernel.elf"' -DROOT='"$(BUILD)/metal-test/memory.elf"' -o $@ $<

TESTS += test-metal-boot
test-metal-boot: $(BUILD)/skerry $(BUILD)/metal-test/memory.elf $(BUILD)/metal-test/loader.elf examples
	@PYTHONDONTWRITEBYTECODE=1 test/metal/boot/run $(BUILD)/skerry $(BUILD)/metal/kernel.elf \
		$(BUILD)/metal-test/memory.elf $(BUILD)/metal-test/loader.elf $(BUILD)/example
