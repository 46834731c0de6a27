# What `--trace` writes, read by decoders that are not ours: protoc and Python's json. See timeline.py.

GUEST_LDFLAGS_stuck := -Wl,--defsym=stuck_spins=0
GUEST_LDFLAGS_spins := -Wl,--defsym=stuck_spins=1
$(foreach g,stuck spins,$(eval $(call guest_program,$(g),test/trace,test/trace/guest/stuck.c)))

$(BUILD)/test/trace/link: $(BUILD)/host/test/trace/link.o $(BUILD)/host/test/tests.o \
                          $(addprefix $(BUILD)/host/cmd/,trace_link.o trace_file.o) $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

TESTS += test-trace
test-trace: $(BUILD)/test/trace/link $(BUILD)/skerry examples conform $(BUILD)/test/cli/echo.elf $(BUILD)/test/trace/stuck.elf \
            $(BUILD)/fuzz/guest-7-10-1000-50-0-0.elf $(BUILD)/test/sim/load.elf
	@$(BUILD)/test/trace/link
	@test/trace/run $(BUILD)/skerry $(BUILD)
	@timeout -k 1 300 test/trace/cluster $(BUILD)/skerry $(BUILD)

-include $(BUILD)/host/test/trace/link.d
.PHONY: test-trace
