# Skerry's one build file. `make help` lists the targets; doc/TOUR.md says what lies where.
#
#   make            build/skerry and build/example/*.elf
#   make metal      build/metal/kernel.elf, the kernel for bare metal (part of build/skerry too)
#   make run-metal  the examples and conformance programs on bare metal, under QEMU
#   make test       every test (`./check` installs what it needs and then runs this)
#   make test-NAME  one group: NAME is cli, conform, device, examples, unit, ... (doc/TESTING.md)
#   make hunt       random system calls for as long as one likes  [HUNT_SEED=N HUNT_WORLDS=N]
#   make hunt-metal  the same by a guest, hosted and on bare metal  [HUNT_SEED=N HUNT_SECONDS=N]
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
LDLIBS   := -lelf -ldw -lfdt -lpthread -lm
ifneq ($(SANITIZE),)
CFLAGS   += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS  += -fsanitize=$(SANITIZE)
endif

# --- the hosted machine ------------------------------------------------------------------------

KERNEL_SRC := $(wildcard kernel/*/*.c) $(wildcard port/isa-riscv64/*.c)
VM_SRC     := $(wildcard vm/*.c vm/*/*.c)
HOST_SRC   := $(wildcard port/vm/*.c host/linux/*.c cmd/*.c)
SKERRY_SRC := $(KERNEL_SRC) $(VM_SRC) $(HOST_SRC)
SKERRY_OBJ := $(SKERRY_SRC:%.c=$(BUILD)/host/%.o) $(BUILD)/host/cmd/metal_kernel.o

all: $(BUILD)/skerry examples

$(BUILD)/skerry: $(SKERRY_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/host/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HOSTINC) -DSKERRY_CHECK=$(CHECK) -DSKERRY_VERSION='"$(VERSION)"' $(FLAGS_$(<)) -c -o $@ $<

$(BUILD)/host/cmd/metal_kernel.o: cmd/metal_kernel.S $(BUILD)/metal/kernel.elf
	@mkdir -p $(@D)
	$(CC) -DMETAL_KERNEL='"$(BUILD)/metal/kernel.elf"' -c -o $@ $<

# The dispatch loop keeps one indirect jump per operation.
FLAGS_vm/interp/interp.c := -fno-gcse -fno-crossjumping

# --- the kernel for bare metal -----------------------------------------------------------------

METAL_CC     := riscv64-unknown-elf-gcc
METAL_CFLAGS := --specs=picolibc.specs -march=rv64imac -misa-spec=2.2 -mabi=lp64 -mcmodel=medany -std=gnu11 \
                -O2 -g $(WARN) -fno-strict-aliasing -ffreestanding -ffunction-sections -flto -MMD -MP \
                -I. -Iabi -Iabi/riscv64 -Iport/isa-riscv64 -Iport/metal-riscv64 -DSKERRY_CHECK=$(CHECK)
METAL_SRC    := $(wildcard kernel/*/*.c port/isa-riscv64/*.c port/metal-riscv64/*.c port/metal-riscv64/*.S)
METAL_OBJ    := $(patsubst %,$(BUILD)/metal/%.o,$(basename $(METAL_SRC)))

# What the compiler makes calls of, and so must not optimise into calls of itself.
METAL_FLAGS_port/metal-riscv64/string.c := -fno-lto -fno-tree-loop-distribute-patterns

metal: $(BUILD)/metal/kernel.elf

$(BUILD)/metal/kernel.elf: $(METAL_OBJ) port/metal-riscv64/kernel.ld
	$(METAL_CC) $(METAL_CFLAGS) -nostartfiles -nostdlib -static -Tport/metal-riscv64/kernel.ld \
		-Wl,--no-warn-rwx-segments,--gc-sections,-z,max-page-size=4096 -o $@ $(METAL_OBJ) -lc -lgcc

$(BUILD)/metal/%.o: %.c
	@mkdir -p $(@D)
	$(METAL_CC) $(METAL_CFLAGS) $(METAL_FLAGS_$(<)) -c -o $@ $<

$(BUILD)/metal/%.o: %.S
	@mkdir -p $(@D)
	$(METAL_CC) $(METAL_CFLAGS) -c -o $@ $<

include lib/build.mk
include test/build.mk

# --- the rest ----------------------------------------------------------------------------------

LINT_SRC := $(KERNEL_SRC) $(wildcard port/vm/*.c vm/*.c vm/decode/*.c vm/mmu/*.c vm/device/*.c cmd/*.c host/linux/*.c)

lint:
	clang-format --dry-run -Werror $(wildcard kernel/*/*.[ch] port/*.h port/*/*.[ch])
	clang-tidy --quiet $(LINT_SRC) -- -std=gnu11 $(HOSTINC) -DSKERRY_CHECK=1 -DSKERRY_VERSION='"x"'

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#   //p' Makefile

-include $(SKERRY_OBJ:.o=.d) $(METAL_OBJ:.o=.d)
.PHONY: all metal lint clean help
