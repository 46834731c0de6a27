# A region that nodes share: what its memory is in the VM, test/insn/region.c has; here are nodes as processes.
GUEST_LDFLAGS_share := -Wl,--defsym=stream_blocks=20000
$(eval $(call guest_program,share,test/region,test/region/guest/share.c))

TESTS += test-region
test-region: $(BUILD)/skerry $(BUILD)/test/region/share.elf
	@timeout -k 1 200 test/region/run $(BUILD)
.PHONY: test-region
