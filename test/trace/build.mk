# What `--trace` writes, read by decoders that are not ours: protoc and Python's json. See timeline.py.

TESTS += test-trace
test-trace: $(BUILD)/skerry examples conform $(BUILD)/test/cli/echo.elf
	@test/trace/run $(BUILD)/skerry $(BUILD)

.PHONY: test-trace
