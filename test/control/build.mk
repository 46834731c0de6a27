# Looking into a run: `--control`, `skerry ps`, `skerry caps`.

TESTS += test-control
test-control: $(BUILD)/skerry examples $(BUILD)/test/trace/spins.elf
	@test/control/run $(BUILD)/skerry $(BUILD)

.PHONY: test-control
