# The cluster, as the bridge makes it (doc/CLUSTER.md).
$(foreach s,$(wildcard test/cluster/*.c),$(eval GUEST_CFLAGS_$(s) := -I.))

# Several bridges in one node.
$(eval $(call guest_program,local,test/cluster,$(wildcard test/cluster/local*.c) test/cluster/pipes.c test/conform/conform.c))
$(BUILD)/test/cluster/local.elf: $(BRIDGE_LIB)

TESTS += test-cluster
test-cluster: $(BUILD)/skerry $(BUILD)/test/cluster/local.elf
	@timeout -k 1 100 $(SKERRY) run --timeout 90s $(BUILD)/test/cluster/local.elf

.PHONY: test-cluster
