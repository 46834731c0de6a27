# Do the tests find faults? `make mutants` plants those of test/mutants/table one at a time in a copy of the
# sources; `make mutants MUTANTS="NAME..."` only some. Not part of `make test`, which only sees to it that
# the table fits the sources.

MUTANTS ?=

mutants:
	@PYTHONDONTWRITEBYTECODE=1 test/mutants/run --build $(BUILD)/mutants $(MUTANTS)

# What a mutant is tried on, built in the copy.
mutant-programs: $(BUILD)/skerry examples conform $(UNIT_TESTS) $(BUILD)/test/unit/determinism $(BUILD)/test/unit/fdt \
                 $(BUILD)/test/fuzz/syscall $(BUILD)/fuzz/guest-$(GUEST_FUZZ).elf

node-programs: $(BUILD)/skerry $(BUILD)/test/unit/device $(BUILD)/test/unit/link $(BUILD)/test/link/node $(SIM_TESTS) \
               $(BUILD)/test/link/ports.elf $(BUILD)/test/link/frames.elf $(BUILD)/test/sim/count.elf

TESTS += test-mutants-current
test-mutants-current:
	@test/mutants/run --current

.PHONY: mutants mutant-programs node-programs
