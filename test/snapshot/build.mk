# Snapshots, recordings and going back in time (doc/REPLAY.md).
#
#   make test-snapshot

# The whole node, without the `skerry` program.
SNAPSHOT_OBJ := $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o

$(BUILD)/test/snapshot/%: $(BUILD)/host/test/snapshot/%.o $(SNAPSHOT_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

TESTS += test-snapshot
test-snapshot: $(BUILD)/test/snapshot/snapshot $(BUILD)/test/snapshot/history examples $(BUILD)/test/cli/echo.elf
	@timeout -k 1 300 $(BUILD)/test/snapshot/snapshot $(BUILD)/test/snapshot $(BUILD)/example/*.elf
	@timeout -k 1 300 $(BUILD)/test/snapshot/history $(BUILD)/test/snapshot $(BUILD)/test/cli/echo.elf

-include $(wildcard $(BUILD)/host/test/snapshot/*.d)
.PHONY: test-snapshot
