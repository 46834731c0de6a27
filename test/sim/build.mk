# The simulator of clusters (cluster/sim), and clusters in it.
$(eval $(call guest_program,count,test/sim,test/sim/guest/count.c))
$(eval $(call guest_program,load,test/sim,test/sim/guest/load.c))
$(BUILD)/test/sim/load.elf: $(BRIDGE_LIB)

SIM_TESTS := $(BUILD)/test/sim/sim $(BUILD)/test/sim/seeds
$(BUILD)/test/sim/sim: $(BUILD)/host/test/tests.o
$(SIM_TESTS): $(BUILD)/test/sim/%: $(BUILD)/host/test/sim/%.o $(filter-out $(BUILD)/host/cmd/%,$(SKERRY_OBJ)) \
              $(BUILD)/host/cmd/elf.o $(BUILD)/host/cmd/image.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

TESTS += test-sim
test-sim: $(BUILD)/skerry $(BUILD)/test/sim/sim $(BUILD)/test/sim/count.elf $(BUILD)/example/hello.elf $(BUILD)/test/region/share.elf \
          $(BUILD)/test/sim/load.elf
	@timeout -k 1 200 $(BUILD)/test/sim/sim $(BUILD)/test/sim/count.elf
	@test/sim/cli $(BUILD)/skerry $(BUILD)/test/sim/count.elf $(BUILD)/example/hello.elf $(BUILD)/test/region/share.elf \
		$(BUILD)/test/sim/load.elf

# Seeds: the same each time, with more nodes, and so many that nobody has seen before.
SIM_FIXED ?= 20
SIM_LARGE ?= 5
SIM_FRESH ?= 200
SIM_SEED  ?= $(shell date +%s)

TESTS += test-seeds
test-seeds: $(BUILD)/test/sim/seeds $(BUILD)/test/sim/load.elf
	@timeout -k 1 600 $< $(BUILD)/test/sim/load.elf 1 $(SIM_FIXED)
	@timeout -k 1 600 $< $(BUILD)/test/sim/load.elf 21 $(SIM_LARGE) --nodes=5 --faults=24
	@timeout -k 1 1200 $< $(BUILD)/test/sim/load.elf $(SIM_SEED) $(SIM_FRESH)

-include $(wildcard $(BUILD)/host/test/sim/*.d)
.PHONY: test-sim test-seeds
