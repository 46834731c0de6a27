# The bridge (doc/CLUSTER.md): guest code, of which what is pure is also part of tests on the host.
BRIDGE_SRC := $(wildcard cluster/wire/*.c srv/bridge/*.c)
BRIDGE_OBJ := $(call guest_objects,$(BRIDGE_SRC))
GUEST_OBJ  += $(BRIDGE_OBJ)
# Each remote call goes through it four times.
$(foreach s,$(BRIDGE_SRC),$(eval GUEST_CFLAGS_$(s) := -I. -O3))

# A program that uses it depends on this: $(BUILD)/example/cluster.elf: $(BRIDGE_LIB)
BRIDGE_LIB := $(BUILD)/guest/srv/bridge.a
$(BRIDGE_LIB): $(BRIDGE_OBJ)
	@rm -f $@
	riscv64-unknown-elf-ar rcs $@ $^

# What of it needs no kernel.
SESSION_SRC := $(wildcard cluster/wire/*.c) srv/bridge/session.c srv/bridge/session_send.c

-include $(BRIDGE_OBJ:.o=.d)

$(BUILD)/example/cluster.elf: $(BRIDGE_LIB)
