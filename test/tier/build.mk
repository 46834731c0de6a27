# Programs and sessions once more, everything compiled before it is executed, and the quick ones interpreted.

TIER_GROUPS_jit    := test-examples test-conform test-upstream test-cli test-gdb-sessions
TIER_GROUPS_interp := test-examples test-conform test-upstream

TESTS += test-tier-jit test-tier-interp
test-tier-jit test-tier-interp: test-tier-%: $(BUILD)/skerry
	@test/tier/run $(BUILD) $* $(TIER_GROUPS_$*)

.PHONY: test-tier-jit test-tier-interp

# Kept code runs wherever it comes to lie.
TESTS += test-code-cache
$(eval $(call guest_program,loop,test/tier,test/tier/loop.c))
KEPT_LOOPS := $(BUILD)/bench/root/list.elf $(BUILD)/bench/root/nbody.elf $(BUILD)/bench/root/qsort.elf $(BUILD)/test/tier/loop.elf
test-code-cache: $(BUILD)/skerry examples $(CONFORM_ELFS) $(KEPT_LOOPS)
ifeq ($(JIT),none)
	@echo "skip code-cache: there is no compiler for this processor"
else
	@test/tier/kept $(BUILD)/skerry $(BUILD)/example/*.elf $(CONFORM_ELFS) $(KEPT_LOOPS)
endif

.PHONY: test-code-cache
