# Skerry's one build file. `make help` lists the targets; doc/TOUR.md says what lies where.
#
#   make            build/skerry and build/example/*.elf
#   make test       every test (`./check` installs what it needs and then runs this)
#   make bench      figures against peers, build/bench.json  [ONLY=substring]
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
SKERRY_OBJ := $(SKERRY_SRC:%.c=$(BUILD)/host/%.o)

all: $(BUILD)/skerry examples

$(BUILD)/skerry: $(SKERRY_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/host/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HOSTINC) -DSKERRY_CHECK=$(CHECK) -DSKERRY_VERSION='"$(VERSION)"' $(FLAGS_$(<)) -c -o $@ $<

# The dispatch loop keeps one indirect jump per operation.
FLAGS_vm/interp/interp.c := -fno-gcse -fno-crossjumping

include lib/build.mk
include test/build.mk

clean:
	rm -rf $(BUILD)

help:
	@sed -n 's/^#   //p' Makefile

-include $(SKERRY_OBJ:.o=.d)
.PHONY: all clean help
