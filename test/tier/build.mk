# Programs and sessions once more, everything compiled before it is executed, and the quick ones interpreted.

TIER_GROUPS_jit    := test-examples test-conform test-upstream test-cli test-gdb-sessions
TIER_GROUPS_interp := test-examples test-conform test-upstream

TESTS += test-tier-jit test-tier-interp
test-tier-jit test-tier-interp: test-tier-%: $(BUILD)/skerry
	@test/tier/run $(BUILD) $* $(TIER_GROUPS_$*)

.PHONY: test-tier-jit test-tier-interp
