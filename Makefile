# Skerry's one build file. `make help` lists the targets; doc/TOUR.md says what lies where.
#
#   make            build/skerry and build/example/*.elf
#   make metal      build/metal/kernel.elf and build/metal-release/kernel.elf, which has no debug calls:
#                   the kernel for bare metal (part of build/skerry too)
#   make run-metal  the examples and conformance programs on bare metal, under QEMU
#   make test       every test (`./check` installs what it needs and then runs this)
#   make test-NAME  one group: NAME is cli, conform, device, examples, unit, ... (doc/TESTING.md)
#   make hunt MINUTES=N  every fuzzer in turn, N minutes each  [TARGET="NAME..."]  (doc/TESTING.md)
#   make hunt       random system calls for as long as one likes  [HUNT_SEED=N HUNT_WORLDS=N]
#   make hunt-snapshot  snapshots and recordings that were tampered with  [HUNT_SEED=N HUNT_SECONDS=N]
#   make hunt-metal  the same by a guest, hosted and on bare metal  [HUNT_SEED=N HUNT_SECONDS=N]
#   make hunt-upstream  the same, hosted and on upstream's kernel  [UPSTREAM_IMAGE=PATH HUNT_SEED=N HUNT_SECONDS=N]
#   make coverage   which lines of the kernel the tests reach
#   make mutants    plants faults, one at a time, and sees whether the tests find them  [MUTANTS="NAME..."]
#   make bench      figures against peers, build/bench.json  [ONLY=substring]
#   make lint       clang-format and clang-tidy
#   make clean      remove the build folder
#
# Variants are chosen by the build folder, never by #if in the sources:
#   make BUILD=build-asan SANITIZE=address,undefined CHECK=1

BUILD    ?= build
ifeq ($(origin CC),default)
CC       := gcc
endif
OPT      ?= -O2
SANITIZE ?=
CHECK    ?= 0
VERSION  := 0.1.0

WARN     := -Wall -Wextra -Werror
CFLAGS   := -std=gnu11 $(OPT) -g $(WARN) -fno-strict-aliasing -MMD -MP
HOSTINC  := -I. -Iabi -Iabi/riscv64 -Iport/isa-riscv64 -Iport/vm
LDLIBS   := -lelf -ldw -lfdt -lzstd -lssl -lcrypto -lpthread -lm
ifneq ($(SANITIZE),)
CFLAGS   += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS  += -fsanitize=$(SANITIZE)
endif

# --- the hosted machine ------------------------------------------------------------------------

# The compiler's translator, by the processor that this is built for: see vm/jit/jit.h.
JIT        := $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),x86_64,none)

KERNEL_SRC := $(wildcard kernel/*/*.c) $(wildcard port/isa-riscv64/*.c)
VM_SRC     := $(wildcard vm/*.c vm/*/*.c vm/jit/$(JIT)/*.c)
HOST_SRC   := $(wildcard port/vm/*.c host/linux/*.c cluster/link/*.c cluster/sim/*.c cluster/wire/*.c cmd/*.c)
SKERRY_SRC := $(KERNEL_SRC) $(VM_SRC) $(HOST_SRC)
SKERRY_OBJ := $(SKERRY_SRC:%.c=$(BUILD)/host/%.o) $(BUILD)/host/cmd/metal_kernel.o

all: $(BUILD)/skerry examples

$(BUILD)/skerry: $(SKERRY_OBJ)
	$(CC) $(LDFLAGS) -Wl,--build-id -o $@ $^ $(LDLIBS) -lcapstone

$(BUILD)/host/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HOSTINC) -DSKERRY_CHECK=$(CHECK) -DSKERRY_DEBUG=1 -DSKERRY_VERSION='"$(VERSION)"' $(FLAGS_$(<)) -c -o $@ $<

$(BUILD)/host/cmd/metal_kernel.o: cmd/metal_kernel.S $(BUILD)/metal/kernel.elf $(BUILD)/metal-release/kernel.elf
	@mkdir -p $(@D)
	$(CC) -DMETAL_KERNEL='"$(BUILD)/metal/kernel.elf"' \
		-DMETAL_RELEASE_KERNEL='"$(BUILD)/metal-release/kernel.elf"' -c -o $@ $<

# The dispatch loop keeps one indirect jump per operation.
FLAGS_vm/interp/interp.c := -fno-gcse -fno-crossjumping

# --- the kernel for bare metal -----------------------------------------------------------------

METAL_CC     := riscv64-unknown-elf-gcc
METAL_CFLAGS := --specs=picolibc.specs -march=rv64imac -misa-spec=2.2 -mabi=lp64 -mcmodel=medany -std=gnu11 \
                -O2 -g $(WARN) -fno-strict-aliasing -ffreestanding -ffunction-sections -flto -MMD -MP \
                -I. -Iabi -Iabi/riscv64 -Iport/isa-riscv64 -Iport/metal-riscv64 -DSKERRY_CHECK=$(CHECK)
METAL_SRC    := $(wildcard kernel/*/*.c port/isa-riscv64/*.c port/metal-riscv64/*.c port/metal-riscv64/*.S)

# What the compiler makes calls of, and so must not optimise into calls of itself.
METAL_FLAGS_port/metal-riscv64/string.c := -fno-lto -fno-tree-loop-distribute-patterns

# One kernel: its folder, and whether the debug calls are in it (else only the profile "release" is).
define metal_kernel
METAL_OBJ_$(1) := $$(patsubst %,$$(BUILD)/$(1)/%.o,$$(basename $$(METAL_SRC)))

$$(BUILD)/$(1)/kernel.elf: $$(METAL_OBJ_$(1)) port/metal-riscv64/kernel.ld
	$$(METAL_CC) $$(METAL_CFLAGS) -nostartfiles -nostdlib -static -Tport/metal-riscv64/kernel.ld \
		-Wl,--no-warn-rwx-segments,--gc-sections,-z,max-page-size=4096 -o $$@ $$(METAL_OBJ_$(1)) -lc -lgcc

$$(BUILD)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(METAL_CC) $$(METAL_CFLAGS) -DSKERRY_DEBUG=$(2) $$(METAL_FLAGS_$$(<)) -c -o $$@ $$<

$$(BUILD)/$(1)/%.o: %.S
	@mkdir -p $$(@D)
	$$(METAL_CC) $$(METAL_CFLAGS) -c -o $$@ $$<
endef
$(eval $(call metal_kernel,metal,1))
$(eval $(call metal_kernel,metal-release,0))
METAL_KERNELS := $(BUILD)/metal/kernel.elf $(BUILD)/metal-release/kernel.elf

metal: $(METAL_KERNELS)

include lib/build.mk
include srv/build.mk
include test/build.mk

# --- the rest ----------------------------------------------------------------------------------

LINT_SRC := $(KERNEL_SRC) $(SESSION_SRC) $(wildcard port/vm/*.c vm/*.c vm/decode/*.c vm/mmu/*.c vm/device/*.c cmd/*.c host/linux/*.c cluster/link/*.c cluster/sim/*.c)

FORMATTED := $(wildcard $(foreach d,kernel port vm host cluster cmd srv lib,$(d)/*.[ch] $(d)/*/*.[ch]) vm/jit/x86_64/*.[ch])

lint:
	clang-format --dry-run -Werror $(FORMATTED)
	clang-tidy --quiet $(LINT_SRC) -- -std=gnu11 $(HOSTINC) -DSKERRY_CHECK=1 -DSKERRY_DEBUG=1 -DSKERRY_VERSION='"x"'

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#   //p' Makefile

-include $(SKERRY_OBJ:.o=.d) $(METAL_OBJ_metal:.o=.d) $(METAL_OBJ_metal-release:.o=.d)
.PHONY: all metal lint clean help
