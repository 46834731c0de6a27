# Links between nodes: the link layer alone (parts.c, shared.c, link.c, spin.c), and nodes as processes (run).
$(eval $(call guest_program,talk,test/node,test/node/guest/talk.c test/link/guest/serve.c))
$(eval $(call guest_program,service,test/node,test/node/guest/service.c))
$(BUILD)/test/node/service.elf: $(BRIDGE_LIB)

NODE_LINK_OBJ := $(patsubst %.c,$(BUILD)/host/%.o,$(wildcard cluster/link/*.c host/linux/*.c))

NODE_LINK_TESTS := $(addprefix $(BUILD)/test/node/,parts shared link spin)
$(NODE_LINK_TESTS): $(BUILD)/test/node/%: $(BUILD)/host/test/node/%.o $(addprefix $(BUILD)/host/test/node/,check.o several.o) $(NODE_LINK_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -lpthread

TESTS += test-node-link
test-node-link: $(NODE_LINK_TESTS)
	@timeout -k 1 60 $(BUILD)/test/node/parts
	@timeout -k 1 60 $(BUILD)/test/node/shared
	@timeout -k 1 120 $(BUILD)/test/node/link
	@timeout -k 1 60 $(BUILD)/test/node/spin

TESTS += test-node
test-node: $(BUILD)/skerry $(BUILD)/test/node/talk.elf $(BUILD)/test/node/service.elf $(BUILD)/test/cli/echo.elf examples
	@PYTHONDONTWRITEBYTECODE=1 timeout -k 1 300 test/node/run $(BUILD)
	@PYTHONDONTWRITEBYTECODE=1 timeout -k 1 200 test/node/metal $(BUILD)

-include $(wildcard $(BUILD)/host/test/node/*.d)
.PHONY: test-node-link test-node
