# Fuzzing with coverage: libFuzzer on the parts that read what others wrote. A target is one file
# target/NAME.c; its objects are listed here. All of it is built by clang, with sanitizers, in its own folder.
#
#   build/hunt/NAME test/fuzz/corpus/NAME    fuzzes; see -help=1
#   build/hunt/NAME FILE                     replays one input

HUNT        := $(BUILD)/hunt
HUNT_CC     := clang
HUNT_CFLAGS := -std=gnu11 -O1 -g $(WARN) -fno-strict-aliasing -MMD -MP -fno-omit-frame-pointer \
               -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# Here values that are compared are the guest's, and say nothing.
HUNT_FLAGS_vm/interp/interp.c := -fno-sanitize-coverage=trace-cmp
# What judges and what throws the dice is not what inputs are to reach.
$(foreach s,kernel/core/check.c test/unit/audit.c test/unit/harness.c $(CALLS_SRC),\
	$(eval HUNT_FLAGS_$(s) := -O2 -fno-sanitize=fuzzer-no-link))
HUNT_LINK    = $(HUNT_CC) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.o,$^)

HUNT_TARGETS := image fdt insn syscalls devices gdb snapshot wire session link
HUNT_BIN     := $(HUNT_TARGETS:%=$(HUNT)/%)

# One flavour of objects: its folder and flags.
define hunt_flavour
$$(HUNT)/obj-$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(HUNT_CC) $$(HUNT_CFLAGS) $$(HUNT_FLAGS_$$(<)) $(2) -DSKERRY_CHECK=0 -DSKERRY_DEBUG=1 -c -o $$@ $$<
endef
# The machine with tiny caches: it is made for each input, and meets every rare path.
$(eval $(call hunt_flavour,host,$(HOSTINC) -DVM_SMALL -DVM_FEW_PAIRS))
$(eval $(call hunt_flavour,stub,$(STUBINC)))
$(eval $(call hunt_flavour,metal,-I. -Iabi -Iabi/riscv64 -Iport/isa-riscv64 -Iport/metal-riscv64))
hunt_objects = $(patsubst %.c,$(HUNT)/obj-$(1)/%.o,$(2))

$(HUNT)/image: $(call hunt_objects,host,test/fuzz/target/image.c cmd/image.c cmd/elf.c $(wildcard host/linux/*.c))
	$(HUNT_LINK) -lfdt

$(HUNT)/fdt: $(call hunt_objects,metal,test/fuzz/target/fdt.c port/metal-riscv64/fdt.c) \
             $(call hunt_objects,host,cmd/image.c cmd/elf.c $(wildcard host/linux/*.c))
	$(HUNT_LINK) -lfdt

$(HUNT)/insn: $(call hunt_objects,host,test/fuzz/target/insn.c host/linux/code.c host/linux/memory.c host/linux/time.c \
                $(filter-out vm/device/%,$(VM_SRC)))
	$(HUNT_LINK) -lm

$(HUNT)/syscalls: $(call hunt_objects,stub,test/fuzz/target/syscalls.c $(CALLS_SRC) $(STUB_SRC))
	$(HUNT_LINK)

$(HUNT)/devices: $(call hunt_objects,host,test/fuzz/target/devices.c $(wildcard vm/device/*.c))
	$(HUNT_LINK) -lfdt

$(HUNT)/wire: $(call hunt_objects,host,test/fuzz/target/wire.c cluster/wire/frame.c cluster/wire/message.c)
	$(HUNT_LINK)

$(HUNT)/session: $(call hunt_objects,host,test/fuzz/target/session.c $(SESSION_SRC))
	$(HUNT_LINK)

$(HUNT)/link: $(call hunt_objects,host,test/fuzz/target/link.c \
                $(addprefix cluster/link/,connection.c links.c greeting.c ring.c url.c))
	$(HUNT_LINK)

# Runs of programs to begin with; files are in memory, and what is packed is changed before.
WORLD_PROGRAMS := tour=$(BUILD)/example/tour.elf virtio=$(BUILD)/test/cli/virtio.elf \
                  random=$(BUILD)/fuzz/guest-7-1000-1000-1000-0-0.elf
WORLD_OBJ      := $(call hunt_objects,host,test/fuzz/target/snapshot_world.c cmd/elf.c cmd/image.c \
                    $(filter-out cmd/% host/linux/output.c,$(SKERRY_SRC))) $(HUNT)/programs.o
$(HUNT)/gdb: $(call hunt_objects,host,test/fuzz/target/gdb.c cmd/place.c cmd/symbols.c $(filter-out cmd/gdb_server.c,$(wildcard cmd/gdb*.c))) \
             $(WORLD_OBJ)
	$(HUNT_LINK) $(LDLIBS)

$(HUNT)/snapshot: $(call hunt_objects,host,test/fuzz/target/snapshot.c) $(WORLD_OBJ)
	$(HUNT_LINK) -Wl,--wrap=pack_write,--wrap=host_file_load $(LDLIBS)

$(HUNT)/programs.o: test/fuzz/target/programs.S $(foreach p,$(WORLD_PROGRAMS),$(lastword $(subst =, ,$(p))))
	@mkdir -p $(@D)
	$(HUNT_CC) $(foreach p,$(WORLD_PROGRAMS),-D$(firstword $(subst =, ,$(p)))_FILE='"$(lastword $(subst =, ,$(p)))"') -c -o $@ $<

-include $(wildcard $(HUNT)/obj-*/*/*.d $(HUNT)/obj-*/*/*/*.d $(HUNT)/obj-*/*/*/*/*.d)

# The kept inputs, those that found something among them; then some seconds of fuzzing, each time the same.
FUZZ_RUNS ?= image=8000 fdt=100000 insn=2000 syscalls=500 devices=30000 gdb=2000 snapshot=1000 wire=200000 session=30000 link=3000
TESTS += test-fuzz-corpus
test-fuzz-corpus: $(foreach r,$(FUZZ_RUNS),$(HUNT)/$(firstword $(subst =, ,$(r))))
	@test/fuzz/replay $(HUNT) $(FUZZ_RUNS)

# As long as one likes, all hunters in turn: make hunt MINUTES=… [TARGET=…]
HUNTERS := $(HUNT_TARGETS) random-calls instructions tiers storms clusters tampering guest
TARGET  ?= $(HUNTERS)
hunt-all: $(HUNT_BIN) $(BUILD)/test/fuzz/syscall $(BUILD)/insn/plain/differ $(BUILD)/insn/plain/tiers \
          $(BUILD)/insn/small/tiers $(BUILD)/test/cluster/storm $(BUILD)/test/sim/seeds $(BUILD)/test/sim/load.elf
	@test/fuzz/hunt $(BUILD) $(or $(MINUTES),10) $(HUNT_SEED) $(TARGET)

.PHONY: test-fuzz-corpus hunt-all
