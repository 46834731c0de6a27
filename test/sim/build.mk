# The simulator of clusters.
$(eval $(call guest_program,count,test/sim,test/sim/guest/count.c))
$(eval $(call guest_program,load,test/sim,test/sim/guest/load.c))
$(BUILD)/test/sim/load.elf: $(BRIDGE_LIB)

$(BUILD)/test/sim/sim $(BUILD)/test/sim/seeds: $(BUILD)/test/sim/%: $(BUILD)/host/test/sim/%.o $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) \
                       $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

TESTS += test-sim
test-sim: $(BUILD)/skerry $(BUILD)/test/sim/sim $(BUILD)/test/sim/count.elf $(BUILD)/example/hello.elf
	@timeout -k 1 200 $(BUILD)/test/sim/sim $(BUILD)/test/sim/count.elf
	@test/sim/cli $(BUILD)/skerry $(BUILD)/test/sim/count.elf $(BUILD)/example/hello.elf

-include $(wildcard $(BUILD)/host/test/sim/*.d)
.PHONY: test-sim
