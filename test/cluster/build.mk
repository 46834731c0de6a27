# The cluster, as the bridge makes it (doc/CLUSTER.md).
$(foreach s,$(wildcard test/cluster/*.c),$(eval GUEST_CFLAGS_$(s) := -I.))

# Several bridges in one node.
$(eval $(call guest_program,local,test/cluster,$(wildcard test/cluster/local*.c) test/cluster/pipes.c test/conform/conform.c))
GUEST_LDFLAGS_liar := -Wl,--defsym=number_of_lies=4000
GUEST_LDFLAGS_liar-short := -Wl,--defsym=number_of_lies=500
$(foreach l,liar liar-short,$(eval $(call guest_program,$(l),test/cluster,test/cluster/liar.c test/cluster/pipes.c test/conform/conform.c)))
# A node that floods, in the simulator.
$(eval $(call guest_program,flood,test/cluster,test/cluster/flood.c))

CLUSTER_ELFS := $(addprefix $(BUILD)/test/cluster/,local.elf liar.elf liar-short.elf flood.elf)
$(CLUSTER_ELFS): $(BRIDGE_LIB)

bridge-programs: $(BUILD)/skerry $(CLUSTER_ELFS)

TESTS += test-bridge test-cluster
test-bridge: bridge-programs
	@timeout -k 1 100 $(SKERRY) run --timeout 90s $(BUILD)/test/cluster/local.elf
	@timeout -k 1 100 $(SKERRY) run --timeout 90s $(BUILD)/test/cluster/liar.elf
	@text=$$(timeout -k 1 60 $(SKERRY) cluster sim --for 1300ms $(BUILD)/test/cluster/flood.elf); for node in a c; do \
		case $$text in *"$$node| sees all others"*) echo "ok flood-$$node";; \
		*) echo "not ok flood-$$node: a node that floods keeps the others from each other"; exit 1;; esac; done

# The same on bare metal, with fewer lies at random.
TESTS += test-bridge-metal
test-bridge-metal: bridge-programs
	@test/metal/conform $(SKERRY) $(BUILD)/test/cluster/local.elf
	@test/metal/conform $(SKERRY) $(BUILD)/test/cluster/liar-short.elf

# The same where undefined behaviour is a fault.
TRAPPING := $(BUILD)/trapping
TESTS += test-bridge-trapping
test-bridge-trapping: $(BUILD)/skerry
	@$(MAKE) -s BUILD=$(TRAPPING) GUEST_SANITIZE="-fsanitize=undefined -fsanitize-undefined-trap-on-error" \
		$(TRAPPING)/test/cluster/local.elf $(TRAPPING)/test/cluster/liar.elf
	@for program in local liar; do \
		if timeout -k 1 100 $(SKERRY) run --timeout 90s $(TRAPPING)/test/cluster/$$program.elf >$(TRAPPING)/output 2>&1; \
		then echo "ok bridge-trapping-$$program"; \
		else echo "not ok bridge-trapping-$$program: see $(TRAPPING)/output"; exit 1; fi; \
	done

test-cluster: $(BUILD)/skerry $(BUILD)/example/cluster.elf
	@test/cluster/example $(SKERRY) $(BUILD)/example/cluster.elf

.PHONY: bridge-programs test-bridge test-bridge-metal test-bridge-trapping test-cluster

# What of the bridge needs no kernel, in programs of the host: messages and frames, sessions.
SESSION_TESTS := $(addprefix $(BUILD)/test/cluster/,wire tables session storm)
SESSION_OBJ   := $(SESSION_SRC:%.c=$(BUILD)/host/%.o)
$(BUILD)/test/cluster/tables: $(BUILD)/host/srv/bridge/table.o $(BUILD)/host/srv/bridge/names.o
$(BUILD)/test/cluster/session: $(BUILD)/host/test/cluster/session_lies.o

$(SESSION_TESTS): $(BUILD)/test/cluster/%: $(BUILD)/host/test/cluster/%.o $(BUILD)/host/test/cluster/world.o $(SESSION_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^

# Seeds of bad weather: the first, how many.
STORM ?= 1 4000

session-programs: $(SESSION_TESTS)

TESTS += test-session
test-session: $(SESSION_TESTS)
	@timeout -k 1 60 $(BUILD)/test/cluster/wire
	@timeout -k 1 60 $(BUILD)/test/cluster/tables
	@timeout -k 1 60 $(BUILD)/test/cluster/session
	@timeout -k 1 300 $(BUILD)/test/cluster/storm $(STORM)

-include $(wildcard $(addprefix $(BUILD)/host/,test/cluster/*.d srv/bridge/*.d cluster/wire/*.d))
-include $(wildcard $(BUILD)/guest/test/cluster/*.d)
.PHONY: test-session session-programs
