# The programs that `make bench` times: each workload natively, as a root server for Skerry, as a
# Linux process for qemu-riscv64 and as a bare machine for qemu-system-riscv64. All four are the
# same C with the same options; see doc/BENCH.md.

BENCH_RV_CC := riscv64-unknown-elf-gcc
BENCH_NAMES := $(basename $(notdir $(wildcard test/bench/workload/*.c)))

# No libc behind the compiler's back, one rounding everywhere, square root as an instruction.
BENCH_CFLAGS    := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-tree-loop-distribute-patterns \
                   -ffp-contract=off -fno-math-errno -fno-strict-aliasing -MMD -MP -I.
BENCH_RV_FLAGS  := -march=rv64gc -mabi=lp64d -mcmodel=medany
BENCH_RV_LINK   := $(BENCH_RV_FLAGS) -nostdlib -static

BENCH_NATIVE := $(BUILD)/bench/native
BENCH_LINUX  := $(BENCH_NAMES:%=$(BUILD)/bench/linux/%)
BENCH_METAL  := $(BENCH_NAMES:%=$(BUILD)/bench/metal/%.elf)

$(BENCH_NATIVE): $(BUILD)/bench/obj/native.o $(BENCH_NAMES:%=$(BUILD)/bench/obj/native/%.o)
	gcc -o $@ $^

$(BUILD)/bench/obj/native.o: test/bench/run/native.c
	@mkdir -p $(@D)
	gcc -std=gnu11 -O2 -g $(WARN) -MMD -MP -I. -c -o $@ $<

$(BUILD)/bench/obj/native/%.o: test/bench/workload/%.c
	@mkdir -p $(@D)
	gcc $(BENCH_CFLAGS) -c -o $@ $<

$(BUILD)/bench/obj/riscv64/%.o: test/bench/workload/%.c
	@mkdir -p $(@D)
	$(BENCH_RV_CC) $(BENCH_CFLAGS) $(BENCH_RV_FLAGS) -c -o $@ $<

# guest.c once for each workload: it names the workload, its scale and its checksum.
$(BUILD)/bench/obj/guest/%.o: test/bench/run/guest.c
	@mkdir -p $(@D)
	$(BENCH_RV_CC) $(BENCH_CFLAGS) $(BENCH_RV_FLAGS) -DWORKLOAD_NAME=$* -c -o $@ $<

$(BUILD)/bench/obj/%.o: test/bench/run/%.S
	@mkdir -p $(@D)
	$(BENCH_RV_CC) $(BENCH_RV_FLAGS) -c -o $@ $<

$(BENCH_LINUX): $(BUILD)/bench/linux/%: $(BUILD)/bench/obj/linux.o $(BUILD)/bench/obj/guest/%.o \
                                        $(BUILD)/bench/obj/riscv64/%.o
	@mkdir -p $(@D)
	$(BENCH_RV_CC) $(BENCH_RV_LINK) -o $@ $^

$(BENCH_METAL): $(BUILD)/bench/metal/%.elf: $(BUILD)/bench/obj/metal.o $(BUILD)/bench/obj/guest/%.o \
                                            $(BUILD)/bench/obj/riscv64/%.o test/bench/run/metal.ld
	@mkdir -p $(@D)
	$(BENCH_RV_CC) $(BENCH_RV_LINK) -T test/bench/run/metal.ld -o $@ $(filter %.o,$^)

BENCH_PROGRAMS := $(BENCH_NATIVE) $(BENCH_LINUX) $(BENCH_METAL)
bench-programs: $(BENCH_PROGRAMS)

bench: $(BENCH_PROGRAMS) $(BUILD)/skerry
	/usr/bin/python3 test/bench/bench.py --build $(BUILD) --only '$(ONLY)'

-include $(wildcard $(BUILD)/bench/obj/*.d $(BUILD)/bench/obj/*/*.d)
.PHONY: bench bench-programs
.SECONDARY:
