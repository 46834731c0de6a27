# The link device's driver, in a node and under QEMU.
$(eval $(call guest_program,ports,test/link,test/link/guest/ports.c))

$(BUILD)/test/link/node: $(BUILD)/host/test/link/node.o $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) \
                         $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

TESTS += test-link
test-link: $(BUILD)/skerry $(BUILD)/test/link/node $(BUILD)/test/link/ports.elf
	@timeout -k 1 100 $(BUILD)/test/link/node $(BUILD)/test/link/ports.elf
	@timeout -k 1 200 test/link/qemu $(BUILD)/skerry $(BUILD)/test/link/ports.elf

-include $(wildcard $(BUILD)/host/test/link/*.d)
.PHONY: test-link
