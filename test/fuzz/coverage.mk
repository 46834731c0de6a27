# Fuzzing with coverage: libFuzzer on the parts that read what others wrote. A target is one file
# target/NAME.c; its objects are listed here. All of it is built by clang, with sanitizers, in its own folder.
#
#   build/hunt/NAME test/fuzz/corpus/NAME    fuzzes; see -help=1
#   build/hunt/NAME FILE                     replays one input

HUNT        := $(BUILD)/hunt
HUNT_CC     := clang
HUNT_CFLAGS := -std=gnu11 -O1 -g $(WARN) -fno-strict-aliasing -MMD -MP -fno-omit-frame-pointer \
               -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# Clang takes minutes to optimise one function with a case for each handler; without that there are few pairs.
HUNT_FLAGS_vm/interp/interp.c := -O0
# What judges and what throws the dice is not what inputs are to reach.
$(foreach s,kernel/core/check.c test/unit/audit.c test/unit/harness.c test/fuzz/calls.c,\
	$(eval HUNT_FLAGS_$(s) := -O2 -fno-sanitize=fuzzer-no-link))
HUNT_LINK    = $(HUNT_CC) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.o,$^)

HUNT_TARGETS := image fdt insn syscalls devices gdb
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

$(HUNT)/insn: $(call hunt_objects,host,test/fuzz/target/insn.c $(filter-out vm/device/%,$(VM_SRC)))
	$(HUNT_LINK) -lm

$(HUNT)/syscalls: $(call hunt_objects,stub,test/fuzz/target/syscalls.c test/fuzz/calls.c $(STUB_SRC))
	$(HUNT_LINK)

$(HUNT)/devices: $(call hunt_objects,host,test/fuzz/target/devices.c $(wildcard vm/device/*.c))
	$(HUNT_LINK) -lfdt

$(HUNT)/gdb: $(call hunt_objects,host,test/fuzz/target/gdb.c cmd/elf.c cmd/image.c cmd/place.c $(filter-out cmd/gdb_server.c,$(wildcard cmd/gdb*.c)) \
             $(filter-out cmd/%,$(SKERRY_SRC)))
	$(HUNT_LINK) $(LDLIBS)

-include $(wildcard $(HUNT)/obj-*/*.d $(HUNT)/obj-*/*/*.d $(HUNT)/obj-*/*/*/*.d)

# The kept inputs, those that found something among them; then some seconds of fuzzing, each time the same.
TESTS += test-fuzz-corpus
test-fuzz-corpus: $(HUNT_BIN)
	@test/fuzz/replay $(HUNT) image=8000 fdt=30000 insn=700 syscalls=60 devices=10000 gdb=300

# As long as one likes, all hunters in turn: make hunt MINUTES=… [TARGET=…]
HUNTERS := $(HUNT_TARGETS) random-calls instructions snapshot guest
TARGET  ?= $(HUNTERS)
hunt-all: $(HUNT_BIN) $(BUILD)/test/fuzz/syscall $(BUILD)/insn/plain/differ
	@test/fuzz/hunt $(BUILD) $(or $(MINUTES),10) $(HUNT_SEED) $(TARGET)

.PHONY: test-fuzz-corpus hunt-all
