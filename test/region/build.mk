# A region that nodes share: what its memory is in the VM, test/insn/region.c has; here are whole nodes, in one
# process and in several.
GUEST_LDFLAGS_share := -Wl,--defsym=stream_blocks=20000
$(eval $(call guest_program,share,test/region,test/region/guest/share.c))

$(BUILD)/test/region/node: $(BUILD)/host/test/region/node.o $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) \
                           $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

TESTS += test-region
test-region: $(BUILD)/skerry $(BUILD)/test/region/node $(BUILD)/test/region/share.elf
	@timeout -k 1 100 $(BUILD)/test/region/node $(BUILD)/test/region/share.elf
	@timeout -k 1 200 test/region/run $(BUILD)

-include $(BUILD)/host/test/region/node.d
.PHONY: test-region
