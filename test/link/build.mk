# The link device's driver, in a node and under QEMU; what memory devices reach.
$(eval $(call guest_program,ports,test/link,test/link/guest/ports.c test/link/guest/serve.c))
$(eval $(call guest_program,frames,test/link,test/link/guest/frames.c))

$(BUILD)/test/link/node: $(BUILD)/host/test/link/node.o $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) \
                         $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

TESTS += test-link
test-link: $(BUILD)/skerry $(BUILD)/test/link/node $(BUILD)/test/link/ports.elf $(BUILD)/test/link/frames.elf
	@timeout -k 1 100 $(BUILD)/test/link/node $(BUILD)/test/link/ports.elf
	@text=$$(timeout -k 1 20 $(BUILD)/skerry run $(BUILD)/test/link/frames.elf); if [ "$$text" = 112 ]; \
		then echo "ok device-reaches-frames-only"; else echo "not ok device-reaches-frames-only: $$text"; exit 1; fi
	@timeout -k 1 200 test/link/qemu $(BUILD)/skerry $(BUILD)/test/link/ports.elf

-include $(wildcard $(BUILD)/host/test/link/*.d)
.PHONY: test-link
