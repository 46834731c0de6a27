# The tests. Each folder test/X has a build.mk that adds its targets to TESTS; a target prints lines
# `ok NAME` and `not ok NAME: why`, which test/run counts. doc/TESTING.md says what each is for.

TESTS := test-examples test-upstream

# What programs are run by: test/tier puts something in front.
SKERRY := $(BUILD)/skerry

test-examples: $(BUILD)/skerry examples
	@test/examples $(SKERRY) $(BUILD)/example
	@test/elsewhere "$(SKERRY)" $(BUILD)

test-upstream: $(BUILD)/skerry
	@test/upstream $(SKERRY)

include $(wildcard test/*/build.mk)

# The kernel and the machine under sanitizers, every invariant checked after every kernel entry. Upstream's suite, if
# there is an image, would take minutes each time.
SANITIZERS := address,undefined
TESTS += test-sanitized
test-sanitized:
	@env -u SEL4TEST_IMAGE $(MAKE) -s BUILD=$(BUILD)/sanitized SANITIZE=$(SANITIZERS) CHECK=1 FUZZ_WORLDS=20 SNAPSHOT_FUZZ=300 SIM_FIXED=1 SIM_LARGE=0 SIM_FRESH=1 \
		GUEST_FUZZ=1001-4-1000-50-0-0 \
		test-examples test-conform test-unit test-fuzz test-fuzz-guest test-cli test-device test-snapshot test-gdb \
		test-trace test-control test-session test-link test-node-link test-node test-sim test-seeds test-region

test: all
	@test/run $(TESTS)

.PHONY: test $(TESTS)
