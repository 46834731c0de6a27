# The debugger's side of the machine: GDB itself, through its protocol; random packets; and that debugging
# changes nothing.
#
#   make test-gdb

GDB_GUESTS := target stuck endless
$(foreach g,$(GDB_GUESTS),$(eval $(call guest_program,$(g),test/gdb,test/gdb/$(g).c)))

$(BUILD)/test/gdb/debug: $(BUILD)/host/test/gdb/debug.o $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o \
                         $(BUILD)/host/cmd/place.o $(BUILD)/host/cmd/symbols.o $(BUILD)/host/cmd/gdb.o $(BUILD)/host/cmd/gdb_file.o \
                         $(BUILD)/host/cmd/gdb_packet.o $(BUILD)/host/cmd/gdb_query.o $(BUILD)/host/cmd/gdb_reverse.o $(BUILD)/host/cmd/gdb_state.o \
                         $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

TESTS += test-gdb
test-gdb: $(BUILD)/skerry $(GDB_GUESTS:%=$(BUILD)/test/gdb/%.elf) $(BUILD)/test/gdb/debug examples
	@timeout -k 1 300 $(BUILD)/test/gdb/debug $(BUILD)/test/gdb/target.elf $(BUILD)/example/*.elf
	@test/gdb/run $(SKERRY) $(BUILD)

# Only what runs the program.
test-gdb-sessions: $(BUILD)/skerry $(GDB_GUESTS:%=$(BUILD)/test/gdb/%.elf) examples
	@test/gdb/run $(SKERRY) $(BUILD)

-include $(wildcard $(BUILD)/host/test/gdb/*.d)
.PHONY: test-gdb test-gdb-sessions
