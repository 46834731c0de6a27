# The programs that `make bench` times: each workload natively, as a root server for Skerry, as a
# Linux process for qemu-riscv64 and as a bare machine for qemu-system-riscv64. All four are the
# same C with the same options; see doc/BENCH.md.

BENCH_NAMES := $(basename $(notdir $(wildcard test/bench/workload/*.c)))
BENCH_CC    := gcc

# No libc behind the compiler's back, one rounding everywhere, square root as an instruction.
BENCH_CFLAGS    := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-tree-loop-distribute-patterns \
                   -ffp-contract=off -fno-math-errno -fno-strict-aliasing -MMD -MP -I.
BENCH_RV_LINK   := $(GUEST_ARCH) -nostdlib -static -Wl,--no-warn-rwx-segments

BENCH_NATIVE := $(BUILD)/bench/native
BENCH_LINUX  := $(BENCH_NAMES:%=$(BUILD)/bench/linux/%)
BENCH_METAL  := $(BENCH_NAMES:%=$(BUILD)/bench/metal/%.elf)
BENCH_ROOT   := $(BENCH_NAMES:%=$(BUILD)/bench/root/%.elf)

$(BENCH_NATIVE): $(BUILD)/bench/obj/native.o $(BENCH_NAMES:%=$(BUILD)/bench/obj/native/%.o)
	$(BENCH_CC) -o $@ $^

$(BUILD)/bench/obj/native.o: test/bench/run/native.c
	@mkdir -p $(@D)
	$(BENCH_CC) -std=gnu11 -O2 -g $(WARN) -MMD -MP -I. -c -o $@ $<

$(BUILD)/bench/obj/native/%.o: test/bench/workload/%.c
	@mkdir -p $(@D)
	$(BENCH_CC) $(BENCH_CFLAGS) -c -o $@ $<

$(BUILD)/bench/obj/riscv64/%.o: test/bench/workload/%.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(BENCH_CFLAGS) $(GUEST_ARCH) -c -o $@ $<

# guest.c once for each workload: it names the workload, its scale and its checksum.
$(BENCH_NAMES:%=$(BUILD)/bench/obj/guest/%.o): $(BUILD)/bench/obj/guest/%.o: test/bench/run/guest.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(BENCH_CFLAGS) $(GUEST_ARCH) -DWORKLOAD_NAME=$* -c -o $@ $<

$(BUILD)/bench/obj/%.o: test/bench/run/%.S
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_ARCH) -c -o $@ $<

$(BENCH_LINUX): $(BUILD)/bench/linux/%: $(BUILD)/bench/obj/linux.o $(BUILD)/bench/obj/guest/%.o \
                                        $(BUILD)/bench/obj/riscv64/%.o
	@mkdir -p $(@D)
	$(GUEST_CC) $(BENCH_RV_LINK) -o $@ $^

$(BENCH_METAL): $(BUILD)/bench/metal/%.elf: $(BUILD)/bench/obj/metal.o $(BUILD)/bench/obj/guest/%.o \
                                            $(BUILD)/bench/obj/riscv64/%.o test/bench/run/metal.ld
	@mkdir -p $(@D)
	$(GUEST_CC) $(BENCH_RV_LINK) -T test/bench/run/metal.ld -o $@ $(filter %.o,$^)

$(BENCH_ROOT): $(BUILD)/bench/root/%.elf: $(BUILD)/guest/test/bench/run/root.o $(BUILD)/bench/obj/guest/%.o \
                                          $(BUILD)/bench/obj/riscv64/%.o $(GUEST_LIB_OBJ) lib/crt/program.ld
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_LINK) -o $@ $(filter %.o,$^)

GUEST_CFLAGS_test/bench/run/root.c := -I.

# --- system calls and start ---------------------------------------------------------------------
# Call and ReplyRecv of 0 and of 4 words; the second of each pair does 400,000 round trips more.

IPC_FEW  := 1000
IPC_MORE := 401000
$(foreach words,0 4,\
  $(eval GUEST_LDFLAGS_ipc-$(words)      := -Wl,--defsym=ipc_words=$(words),--defsym=ipc_rounds=$(IPC_FEW))\
  $(eval GUEST_LDFLAGS_ipc-$(words)-more := -Wl,--defsym=ipc_words=$(words),--defsym=ipc_rounds=$(IPC_MORE)))

BENCH_IPC := ipc-0 ipc-0-more ipc-4 ipc-4-more
$(foreach p,$(BENCH_IPC),$(eval $(call guest_program,$(p),bench/root,test/bench/guest/ipc.c)))

# Page faults, in the same two ways, and signals.
GUEST_LDFLAGS_fault      := -Wl,--defsym=fault_rounds=1000
GUEST_LDFLAGS_fault-more := -Wl,--defsym=fault_rounds=201000

BENCH_EVENTS := fault fault-more signal
$(foreach p,$(BENCH_EVENTS),$(eval $(call guest_program,$(p),bench/root,test/bench/guest/$(p:-more=).c)))

# Loads that map and unmap.
GUEST_LDFLAGS_map-data      := -Wl,--defsym=map_kind=1
GUEST_LDFLAGS_map-code      := -Wl,--defsym=map_kind=2
GUEST_LDFLAGS_map-processes := -Wl,--defsym=map_kind=3

BENCH_MAP := map-data map-code map-processes
$(foreach p,$(BENCH_MAP),$(eval $(call guest_program,$(p),bench/root,test/bench/guest/map.c)))

# Workloads in one program, a little of each.
$(BUILD)/bench/short.elf: $(BUILD)/guest/test/bench/guest/short.o $(GUEST_LIB_OBJ) lib/crt/program.ld \
                          $(filter-out %/empty.o,$(BENCH_NAMES:%=$(BUILD)/bench/obj/riscv64/%.o))
	$(GUEST_CC) $(GUEST_LINK) -o $@ $(filter %.o,$^)

GUEST_CFLAGS_test/bench/guest/short.c := -I.

# Nothing of lib/: it runs before anything could be set up.
$(BUILD)/bench/boot.elf: test/bench/guest/boot.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_ARCH) -std=gnu11 -O2 $(WARN) -ffreestanding -Iabi -Iabi/riscv64 -nostdlib -static \
		-MMD -MP -MF $(BUILD)/bench/obj/boot.d -o $@ $<

# What tracing costs, and how fast code is made: the whole node, without the `skerry` program.
BENCH_NODE := $(BUILD)/bench/trace $(BUILD)/bench/translate
$(BENCH_NODE): $(BUILD)/bench/%: $(BUILD)/host/test/bench/run/%.o $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) \
               $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# --- bare metal -----------------------------------------------------------------------------------
# Instructions per operation, counted by a root server in QEMU; those from the kernel's first to the root
# server's first are the difference of two programs that begin with reading the counter.

BENCH_METAL_KERNEL := $(BUILD)/metal-release/kernel.elf

BENCH_COUNT_SRC := $(wildcard test/bench/guest/metal*.c)
$(eval $(call guest_program,metal,bench,$(BENCH_COUNT_SRC)))

# A heap with which the image has 39 pages: see doc/BENCH.md.
GUEST_LDFLAGS_first-user := -Wl,-e,first_user,--defsym=crt_heap_size=0x7000
$(eval $(call guest_program,first-user,bench,test/bench/guest/first_user.c))

$(BUILD)/bench/first-kernel.elf: test/bench/guest/first_kernel.c test/bench/run/metal.ld
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_ARCH) -std=gnu11 -O2 $(WARN) -ffreestanding -nostdlib -static \
		-T test/bench/run/metal.ld -Wl,--section-start=.text=0x80200000 -Wl,--no-warn-rwx-segments -o $@ $<

BENCH_COUNT := $(BUILD)/bench/metal.elf $(BUILD)/bench/first-user.elf $(BUILD)/bench/first-kernel.elf

# --- how long interrupts wait on bare metal -------------------------------------------------------

$(eval $(call guest_program,latency,bench,test/bench/guest/latency.c))

# A plugin for QEMU, which counts what runs with interrupts off.
$(BUILD)/bench/stretch.so: test/bench/run/stretch.c
	@mkdir -p $(@D)
	$(BENCH_CC) -std=gnu11 -O2 -g $(WARN) -fPIC -shared -o $@ $<

BENCH_LATENCY := $(BUILD)/bench/latency.elf $(BUILD)/bench/stretch.so

# --- snapshots ------------------------------------------------------------------------------------

$(eval $(call guest_program,working_set,bench,test/bench/guest/working_set.c))

# The whole node, without the `skerry` program.
$(BUILD)/bench/snapshot: $(BUILD)/host/test/bench/run/snapshot.o $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) \
                         $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

BENCH_SNAPSHOT := $(BUILD)/bench/snapshot $(BUILD)/bench/working_set.elf

# --- links between nodes --------------------------------------------------------------------------

$(eval $(call guest_program,link_rtt,bench,test/bench/guest/link_rtt.c test/bench/guest/link.c))

# Round trips of processes without us.
$(BUILD)/bench/ping: test/bench/run/ping.c
	@mkdir -p $(@D)
	$(BENCH_CC) -std=gnu11 -O2 -g $(WARN) -o $@ $<

$(eval $(call guest_program,idle,bench,test/bench/guest/idle.c))
# What a call costs: in time; in instructions, which are the difference of two of the others.
cost_link = -Wl,--defsym=cost_batches=$(1),--defsym=cost_calls=$(2),--defsym=cost_caps=$(3)
GUEST_LDFLAGS_cost       := $(call cost_link,5,1000,1000)
GUEST_LDFLAGS_cost-none  := $(call cost_link,1,1,1)
GUEST_LDFLAGS_cost-calls := $(call cost_link,1,4001,1)
GUEST_LDFLAGS_cost-caps  := $(call cost_link,1,1,4001)
COST := cost cost-none cost-calls cost-caps
$(foreach p,$(COST),$(eval $(call guest_program,$(p),bench,test/bench/guest/cost.c)))

BENCH_BRIDGED := $(addprefix $(BUILD)/bench/,$(COST:=.elf) idle.elf)
$(BENCH_BRIDGED): $(BRIDGE_LIB)

BENCH_CLUSTER := $(BUILD)/bench/link_rtt.elf $(BUILD)/bench/ping $(BENCH_BRIDGED) \
                 $(BUILD)/test/node/service.elf $(BUILD)/test/sim/seeds $(BUILD)/test/sim/load.elf

# --- memory that nodes share ----------------------------------------------------------------------

GUEST_LDFLAGS_region := -Wl,--defsym=stream_blocks=200000
$(eval $(call guest_program,region,bench,test/region/guest/share.c))

BENCH_PROGRAMS := $(BENCH_NATIVE) $(BENCH_LINUX) $(BENCH_METAL) $(BENCH_ROOT) \
                  $(BENCH_IPC:%=$(BUILD)/bench/root/%.elf) $(BUILD)/bench/boot.elf $(BENCH_COUNT) $(BENCH_LATENCY) \
                  $(BENCH_SNAPSHOT) $(BENCH_NODE) $(BENCH_EVENTS:%=$(BUILD)/bench/root/%.elf) $(BUILD)/bench/short.elf \
                  $(BENCH_MAP:%=$(BUILD)/bench/root/%.elf) $(BENCH_CLUSTER) \
                  $(BUILD)/bench/region.elf
bench-programs: $(BENCH_PROGRAMS)

bench: $(BENCH_PROGRAMS) $(BUILD)/skerry $(BENCH_METAL_KERNEL)
	/usr/bin/python3 test/bench/bench.py --build $(BUILD) --metal-kernel $(BENCH_METAL_KERNEL) --only '$(ONLY)'

-include $(BENCH_COUNT_SRC:%.c=$(BUILD)/guest/%.d) $(BUILD)/guest/test/bench/guest/first_user.d
-include $(wildcard $(BUILD)/bench/obj/*.d $(BUILD)/bench/obj/*/*.d $(BUILD)/host/test/bench/run/*.d)
.PHONY: bench bench-programs
