# Snapshots, recordings and going back in time (doc/REPLAY.md).
#
#   make test-snapshot
#   make hunt-snapshot      tampered files for as long as one likes  [HUNT_SEED=N HUNT_SECONDS=N]

# The whole node, without the `skerry` program.
SNAPSHOT_OBJ := $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o

$(BUILD)/test/snapshot/%: $(BUILD)/host/test/snapshot/%.o $(SNAPSHOT_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(foreach g,fault patch unheard,$(eval $(call guest_program,$(g),test/snapshot,test/snapshot/guest/$(g).c)))

# Programs that come to many states.
SNAPSHOT_STATES := $(BUILD)/conform/delete.elf $(BUILD)/conform/preempt.elf $(BUILD)/conform/ipc.elf \
                   $(BUILD)/fuzz/guest-1-60-1000-50-0-0.elf $(BUILD)/test/snapshot/patch.elf
SNAPSHOT_FUZZ   ?= 1000
SNAPSHOT_GUESTS := $(BUILD)/test/cli/echo.elf $(BUILD)/test/cli/virtio.elf $(BUILD)/test/snapshot/fault.elf \
                   $(BUILD)/test/snapshot/unheard.elf

TESTS += test-snapshot
test-snapshot: $(addprefix $(BUILD)/test/snapshot/,snapshot history hostile fuzz) $(SNAPSHOT_GUESTS) $(SNAPSHOT_STATES) $(BUILD)/skerry examples
	@timeout -k 1 300 $(BUILD)/test/snapshot/snapshot $(BUILD)/test/snapshot $(BUILD)/example/*.elf $(SNAPSHOT_STATES)
	@timeout -k 1 300 $(BUILD)/test/snapshot/history $(BUILD)/test/snapshot $(BUILD)/test/cli/echo.elf $(BUILD)/test/snapshot/patch.elf
	@timeout -k 1 300 $(BUILD)/test/snapshot/hostile $(BUILD)/example/tour.elf
	@timeout -k 1 300 $(BUILD)/test/snapshot/fuzz $(BUILD)/test/snapshot 1 $(SNAPSHOT_FUZZ) \
		$(BUILD)/example/tour.elf $(BUILD)/test/cli/virtio.elf
	@timeout -k 1 900 test/snapshot/cli $(SKERRY) $(BUILD)/test/snapshot/cli $(BUILD)/example/tour.elf \
		$(SNAPSHOT_GUESTS)

hunt-snapshot:
	@$(MAKE) -s BUILD=$(BUILD)/sanitized SANITIZE=$(SANITIZERS) CHECK=1 $(BUILD)/sanitized/test/snapshot/fuzz
	@HUNT_SECONDS=$(HUNT_SECONDS) $(BUILD)/sanitized/test/snapshot/fuzz $(BUILD)/sanitized/test/snapshot \
		$(HUNT_SEED) 0 $(BUILD)/example/tour.elf

-include $(wildcard $(BUILD)/host/test/snapshot/*.d)
.PHONY: test-snapshot hunt-snapshot
