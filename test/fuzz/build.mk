# Random system calls against the kernel on the stub machine.
#
#   build/test/fuzz/syscall [--seed S] [--worlds N] [--calls M] [--seconds T] [--verbose]
include test/unit/stub.mk

CALLS_SRC := $(wildcard test/fuzz/calls*.c)

$(BUILD)/test/fuzz/syscall: $(BUILD)/stub/test/fuzz/syscall.o $(CALLS_SRC:%.c=$(BUILD)/stub/%.o) $(STUB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

FUZZ_WORLDS ?= 200
HUNT_SEED   ?= 1000
HUNT_WORLDS ?= 20000

TESTS += test-fuzz
test-fuzz: $(BUILD)/test/fuzz/syscall
	timeout -k 1 300 $< --seed 1 --worlds $(FUZZ_WORLDS) --calls 3000

# As long as one likes. With MINUTES or TARGET it is all hunters in turn (coverage.mk), without them random
# calls alone: make hunt HUNT_SEED=… HUNT_WORLDS=…
ifeq ($(MINUTES)$(TARGET),)
hunt: $(BUILD)/test/fuzz/syscall
	$< --seed $(HUNT_SEED) --worlds $(HUNT_WORLDS) --calls 10000
else
hunt: hunt-all
endif

.PHONY: test-fuzz hunt

include test/fuzz/coverage.mk

# Random system calls by a guest, hosted and on bare metal: the same must be seen; hosted and on upstream's kernel,
# too, but for what upstream-*.elf avoids (test/fuzz/guest_avoid.c). A program's name says what
# it does: SEED-WORLDS-STEPS-EVERY-FROM-TO is so many worlds from that seed on, with so many steps each, a line
# every so many steps, and each step from FROM up to TO in full.
GUEST_FUZZ_SRC := $(wildcard test/fuzz/guest*.c) test/fuzz/guest_stub.S
GUEST_FUZZ_OBJ := $(call guest_objects,$(GUEST_FUZZ_SRC))
GUEST_OBJ      += $(GUEST_FUZZ_OBJ)
$(foreach s,$(GUEST_FUZZ_SRC),$(eval GUEST_CFLAGS_$(s) := -I.))
fuzz_option     = -Wl,--defsym=fuzz_$(1)=$(word $(2),$(subst -, ,$*))

# One kind of program: the name it begins with, and whether it avoids that.
define fuzz_program
$$(BUILD)/fuzz/$(1)-%.elf: $$(GUEST_FUZZ_OBJ) $$(GUEST_LIB_OBJ) lib/crt/program.ld
	@mkdir -p $$(@D)
	$$(GUEST_CC) $$(GUEST_LINK) $$(call fuzz_option,first,1) $$(call fuzz_option,worlds,2) \
		$$(call fuzz_option,steps,3) $$(call fuzz_option,every,4) $$(call fuzz_option,print_from,5) \
		$$(call fuzz_option,print_to,6) -Wl,--defsym=fuzz_avoid=$(2) -o $$@ $$(filter %.o,$$^)
endef
$(eval $(call fuzz_program,guest,0))
$(eval $(call fuzz_program,upstream,1))

GUEST_FUZZ ?= 1-60-1000-50-0-0

TESTS += test-fuzz-guest
test-fuzz-guest: $(BUILD)/skerry $(BUILD)/fuzz/guest-$(GUEST_FUZZ).elf
	@test/fuzz/compare $(BUILD) $(GUEST_FUZZ)

# As long as one likes, every invariant checked on both: make hunt-metal HUNT_SEED=… HUNT_SECONDS=…
HUNT_SECONDS ?= 1800
hunt-metal:
	@$(MAKE) -s BUILD=$(BUILD)/sanitized SANITIZE=$(SANITIZERS) CHECK=1 $(BUILD)/sanitized/skerry
	@test/fuzz/hunt-guest $(BUILD)/sanitized $(HUNT_SEED) $(HUNT_SECONDS)

.PHONY: test-fuzz-guest hunt-metal

# The same against upstream's kernel, which is in an image made by its build.
UPSTREAM_IMAGE ?= $(SEL4TEST_IMAGE)
UPSTREAM_FUZZ  ?= 1-200-200-50-0-0

TESTS += test-fuzz-upstream
ifeq ($(UPSTREAM_IMAGE),)
test-fuzz-upstream:
	@echo "skip fuzz-upstream: UPSTREAM_IMAGE names no image with upstream's kernel (doc/TESTING.md)"

hunt-upstream:
	@echo "UPSTREAM_IMAGE names no image with upstream's kernel (doc/TESTING.md)"; exit 2
else
test-fuzz-upstream: $(BUILD)/skerry $(BUILD)/fuzz/upstream-$(UPSTREAM_FUZZ).elf
	@test/fuzz/compare $(BUILD) $(UPSTREAM_FUZZ) $(UPSTREAM_IMAGE)

# As long as one likes: make hunt-upstream UPSTREAM_IMAGE=… HUNT_SEED=… HUNT_SECONDS=…
hunt-upstream: $(BUILD)/skerry
	@test/fuzz/hunt-guest $(BUILD) $(HUNT_SEED) $(HUNT_SECONDS) $(UPSTREAM_IMAGE)
endif

.PHONY: test-fuzz-upstream hunt-upstream
