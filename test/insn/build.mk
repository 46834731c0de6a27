# The instruction set against QEMU, and the VM's hand-written cases, on five builds of the VM: as it is used; with
# tiny tables; with small tables but long blocks; with the switch and software floating point, as WebAssembly
# will have it; and tiny under sanitizers. Each with the interpreter, with the compiler, and with both taking
# turns; and these three against each other. See the headers of differ.c, cases.c and tiers.c.

INSN_FLAGS_plain     :=
INSN_FLAGS_small     := -DVM_SMALL -DVM_FEW_PAIRS
INSN_FLAGS_tight     := -DVM_TIGHT -DVM_FEW_PAIRS
INSN_FLAGS_switch    := -DVM_SWITCH -DVM_SOFT_FLOAT -DVM_FEW_PAIRS
INSN_FLAGS_sanitized := -DVM_SMALL -fsanitize=address,undefined -fno-sanitize-recover=all
INSN_SEEDS_plain     := --seeds 1 60 --fresh
INSN_SEEDS_small     := --seeds 101 20
INSN_SEEDS_tight     := --seeds 501 6
INSN_SEEDS_switch    := --seeds 201 20
INSN_SEEDS_sanitized := --seeds 301 6

INSN_SEEDS_AUTO      := --seeds 401 5

TIERS_SEEDS_plain     := --seeds 1 600 --fresh
TIERS_SEEDS_small     := --seeds 1001 400
TIERS_SEEDS_tight     := --seeds 4001 1000
TIERS_SEEDS_switch    := --seeds 2001 100
TIERS_SEEDS_sanitized := --seeds 3001 100

# One tier: a build, the tier, the seeds.
insn_tier = timeout -k 1 60 $(BUILD)/insn/$(1)/cases --tier $(2) && \
            timeout -k 1 300 $(BUILD)/insn/$(1)/differ --tier $(2) $(3)

INSN_VM_SRC   := $(filter-out vm/device/%,$(VM_SRC)) host/linux/code.c host/linux/memory.c host/linux/time.c
INSN_TEST_SRC := $(wildcard test/insn/*.c)

# What each program is made of, beside the VM.
INSN_PROGRAMS     := differ cases tiers
INSN_PARTS_differ := differ generate machine values
INSN_PARTS_cases  := cases float pages hostile answers bounds kept region machine
INSN_PARTS_tiers  := tiers side blocks same machine values

define insn_program
$(BUILD)/insn/$(1)/$(2): $(INSN_OBJ_$(1)) $(INSN_PARTS_$(2):%=$(BUILD)/insn/$(1)/test/insn/%.o)
	$(CC) $(LDFLAGS) $(INSN_FLAGS_$(1)) -o $$@ $$^ -lm
endef

define insn_variant
INSN_OBJ_$(1) := $$(INSN_VM_SRC:%.c=$(2)/%.o)
INSN_TEST_OBJ_$(1) := $$(INSN_TEST_SRC:%.c=$$(BUILD)/insn/$(1)/%.o)

$$(BUILD)/insn/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) -std=gnu11 -O2 -g $$(WARN) -fno-strict-aliasing -MMD -MP -I. $$(INSN_FLAGS_$(1)) $$(FLAGS_$$(<)) -c -o $$@ $$<

$$(foreach p,$$(INSN_PROGRAMS),$$(eval $$(call insn_program,$(1),$$(p))))

test-insn-$(1): $$(INSN_PROGRAMS:%=$$(BUILD)/insn/$(1)/%)
	@$$(call insn_tier,$(1),interp,$$(INSN_SEEDS_$(1)))
	@$$(call insn_tier,$(1),jit,$$(INSN_SEEDS_$(1)))
	@$$(call insn_tier,$(1),auto,$$(INSN_SEEDS_AUTO))
	@timeout -k 1 300 $$(BUILD)/insn/$(1)/tiers $$(TIERS_SEEDS_$(1))

-include $$(INSN_OBJ_$(1):.o=.d) $$(INSN_TEST_OBJ_$(1):.o=.d)
TESTS += test-insn-$(1)
endef
$(eval $(call insn_variant,plain,$(BUILD)/host))
$(foreach v,small tight switch sanitized,$(eval $(call insn_variant,$(v),$(BUILD)/insn/$(v))))

insn-programs: $(foreach v,small tight plain,$(INSN_PROGRAMS:%=$(BUILD)/insn/$(v)/%))
.PHONY: insn-programs

# Handlers end in jumps; a call among them would grow the host's stack with every instruction.
TESTS += test-insn-stack
test-insn-stack: $(BUILD)/host/vm/interp/interp.o
	@if objdump -d --no-show-raw-insn $< | grep -q 'call.*\*'; \
		then echo "not ok handlers end in jumps: see objdump -d $<"; exit 1; \
		else echo "ok handlers end in jumps"; fi
