# Random system calls against the kernel on the stub machine.
#
#   build/test/fuzz/syscall [--seed S] [--worlds N] [--calls M] [--verbose]
include test/unit/stub.mk

$(BUILD)/test/fuzz/syscall: $(BUILD)/stub/test/fuzz/syscall.o $(STUB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

FUZZ_WORLDS ?= 200
HUNT_SEED   ?= 1000
HUNT_WORLDS ?= 20000

TESTS += test-fuzz
test-fuzz: $(BUILD)/test/fuzz/syscall
	timeout -k 1 300 $< --seed 1 --worlds $(FUZZ_WORLDS) --calls 3000

# As long as one likes: make hunt HUNT_SEED=… HUNT_WORLDS=…
hunt: $(BUILD)/test/fuzz/syscall
	$< --seed $(HUNT_SEED) --worlds $(HUNT_WORLDS) --calls 10000

.PHONY: test-fuzz hunt
