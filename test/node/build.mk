# Links between nodes: the link layer alone (link.c), and nodes as processes (run).
$(eval $(call guest_program,talk,test/node,test/node/guest/talk.c))
$(eval $(call guest_program,service,test/node,test/node/guest/service.c))
$(BUILD)/test/node/service.elf: $(BRIDGE_LIB)

NODE_LINK_OBJ := $(patsubst %.c,$(BUILD)/host/%.o,$(wildcard cluster/link/*.c host/linux/*.c))

$(BUILD)/test/node/link: $(BUILD)/host/test/node/link.o $(NODE_LINK_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -lpthread

TESTS += test-node-link
test-node-link: $(BUILD)/test/node/link
	@timeout -k 1 120 $<

TESTS += test-node
test-node: $(BUILD)/skerry $(BUILD)/test/node/talk.elf $(BUILD)/test/node/service.elf examples
	@timeout -k 1 300 test/node/run $(BUILD)

-include $(BUILD)/host/test/node/link.d
.PHONY: test-node-link test-node
