# `make coverage`: which lines of the kernel the tests reach. The kernel is compiled twice, for the hosted machine
# and for the stub; both count, in a build folder of their own. Not part of `make test`: it runs the tests again.

COVERAGE ?= 0
ifeq ($(COVERAGE),1)
KERNEL_OBJ := $(foreach port,host stub,$(KERNEL_SRC:%.c=$(BUILD)/$(port)/%.o))
$(KERNEL_OBJ): CFLAGS += -O0 --coverage
LDFLAGS += --coverage

COVERAGE_TESTS := test-unit test-conform test-examples test-fuzz test-fuzz-guest test-cli test-upstream

coverage-count: all
	@find $(BUILD) -name '*.gcda' -delete
	@test/run $(COVERAGE_TESTS); status=$$?; test/coverage/report $(KERNEL_OBJ) && exit $$status
.PHONY: coverage-count
endif

coverage:
	@$(MAKE) -s BUILD=$(BUILD)/coverage COVERAGE=1 FUZZ_WORLDS=15 coverage-count
.PHONY: coverage
