# Tests of the `skerry` program (test/cli) and of the board (test/unit/device.c). Both print `ok NAME` or
# `not ok NAME: why` lines and fail if a test does.
#
#   make test-cli test-device

$(eval $(call guest_program,virtio,test/cli,test/cli/guest/virtio.c))

$(BUILD)/test/cli/cli: $(wildcard test/cli/*.c test/cli/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HOSTINC) $(LDFLAGS) -o $@ $(filter %.c,$^) -lutil

DEVICE_OBJ := $(patsubst %.c,$(BUILD)/host/%.o,$(wildcard vm/device/*.c))

$(BUILD)/test/unit/device: test/unit/device.c $(DEVICE_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(HOSTINC) $(LDFLAGS) -o $@ $^ -lfdt

TESTS += test-cli test-device

test-cli: $(BUILD)/test/cli/cli $(BUILD)/test/cli/virtio.elf $(BUILD)/skerry
	$(BUILD)/test/cli/cli $(BUILD)/skerry $(BUILD)/test/cli/virtio.elf

test-device: $(BUILD)/test/unit/device
	$(BUILD)/test/unit/device

.PHONY: test-cli test-device
