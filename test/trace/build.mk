# What `--trace` writes, read by decoders that are not ours: protoc and Python's json. See timeline.py.

$(eval $(call guest_program,stuck,test/trace,test/trace/guest/stuck.c))

TESTS += test-trace
test-trace: $(BUILD)/skerry examples conform $(BUILD)/test/cli/echo.elf $(BUILD)/test/trace/stuck.elf
	@test/trace/run $(BUILD)/skerry $(BUILD)

.PHONY: test-trace
