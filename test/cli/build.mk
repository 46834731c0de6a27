# Tests of the `skerry` program (test/cli) and of the board (test/unit/device*.c, link.c). All print `ok NAME` or
# `not ok NAME: why` lines and fail if a test does.
#
#   make test-cli test-device

CLI_GUESTS := virtio echo tree
$(foreach g,$(CLI_GUESTS),$(eval $(call guest_program,$(g),test/cli,test/cli/guest/$(g).c)))

$(BUILD)/test/cli/cli: $(wildcard test/cli/*.c test/cli/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HOSTINC) $(LDFLAGS) -o $@ $(filter %.c,$^) -lutil -lfdt

DEVICE_OBJ := $(patsubst %.c,$(BUILD)/host/%.o,$(wildcard vm/device/*.c))

$(BUILD)/test/unit/device: $(BUILD)/host/test/unit/device_virtio.o
$(BUILD)/test/unit/device $(BUILD)/test/unit/link: $(BUILD)/test/unit/%: $(BUILD)/host/test/unit/%.o \
                                                   $(BUILD)/host/test/tests.o $(DEVICE_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lfdt

TESTS += test-cli test-device

test-cli: $(BUILD)/test/cli/cli $(CLI_GUESTS:%=$(BUILD)/test/cli/%.elf) $(BUILD)/skerry
	$(BUILD)/test/cli/cli $(SKERRY) $(CLI_GUESTS:%=$(BUILD)/test/cli/%.elf)

test-device: $(BUILD)/test/unit/device $(BUILD)/test/unit/link
	@$(BUILD)/test/unit/device
	@$(BUILD)/test/unit/link

-include $(wildcard $(BUILD)/host/test/*.d)
.PHONY: test-cli test-device
