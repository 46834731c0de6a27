# Guest programs: root servers for riscv64, made of C sources and the libraries in lib/.
#
#   $(eval $(call guest_program,NAME,FOLDER,SOURCES))
#
# makes $(BUILD)/FOLDER/NAME.elf from SOURCES (.c or .S; all programs share the objects). Needs no
# include path but its own and what lib/ and abi/ offer: <sel4/sel4.h>, <skerry/thread.h>, <stdio.h>.
# A store to a fixed low address is allowed: it is how one gets to see a fault.
# GUEST_CFLAGS_<path of a source> adds options for one source, GUEST_LDFLAGS_<NAME> for one link.
# Example:
#
#   $(eval $(call guest_program,faults,test/conform,test/conform/faults.c test/conform/harness.c))
#   conform: $(BUILD)/test/conform/faults.elf

# -fsanitize=undefined -fsanitize-undefined-trap-on-error: undefined behaviour is a fault.
GUEST_SANITIZE ?=
GUEST_CC      := riscv64-unknown-elf-gcc
GUEST_ARCH    := -march=rv64gc -mabi=lp64d -mcmodel=medany
GUEST_CFLAGS  := --specs=picolibc.specs $(GUEST_ARCH) -std=gnu11 -O2 -g $(WARN) -Wno-array-bounds -fno-strict-aliasing \
                 -ffunction-sections -fdata-sections -MMD -MP -Ilib -Ilib/sel4 -Iabi -Iabi/riscv64 $(GUEST_SANITIZE)
GUEST_LINK    := $(GUEST_CFLAGS) -nostartfiles -static -Tlib/crt/program.ld \
                 -Wl,--no-warn-rwx-segments -Wl,-z,max-page-size=4096

GUEST_LIB_SRC := lib/crt/start.S $(wildcard lib/crt/*.c lib/c/*.c lib/skerry/*.c)
guest_objects  = $(patsubst %,$(BUILD)/guest/%.o,$(basename $(1)))
GUEST_LIB_OBJ := $(call guest_objects,$(GUEST_LIB_SRC))
GUEST_OBJ     := $(GUEST_LIB_OBJ)

# It is what the compiler makes of such loops.
GUEST_CFLAGS_lib/c/string.c := -fno-tree-loop-distribute-patterns

$(BUILD)/guest/%.o: %.c
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_$(<)) -c -o $@ $<

$(BUILD)/guest/%.o: %.S
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) $(GUEST_CFLAGS_$(<)) -c -o $@ $<

define guest_program
GUEST_OBJ += $(call guest_objects,$(3))
$(BUILD)/$(2)/$(1).elf: $(call guest_objects,$(3)) $(GUEST_LIB_OBJ) lib/crt/program.ld
	@mkdir -p $$(@D)
	$(GUEST_CC) $(GUEST_LINK) $$(GUEST_LDFLAGS_$(1)) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^)
endef

# --- the examples: one source each, or a folder of sources ----------------------------------------

EXAMPLES := $(basename $(notdir $(wildcard example/*.c)))
EXAMPLE_FOLDERS := $(patsubst example/%/,%,$(sort $(dir $(wildcard example/*/*.c))))
$(foreach e,$(EXAMPLES),$(eval $(call guest_program,$(e),example,example/$(e).c)))
$(foreach e,$(EXAMPLE_FOLDERS),$(eval $(call guest_program,$(e),example,$(wildcard example/$(e)/*.c))))

examples: $(EXAMPLES:%=$(BUILD)/example/%.elf) $(EXAMPLE_FOLDERS:%=$(BUILD)/example/%.elf)
.PHONY: examples

-include $(GUEST_OBJ:.o=.d)
