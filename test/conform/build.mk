# Conformance programs: one source each beside conform.c. `make test-conform` runs them all;
# CONFORM_FLAGS_<name> are the options of skerry that one needs. The programs fault on purpose: the
# reports of that are shown only if a program fails.

CONFORM       := $(filter-out conform,$(basename $(notdir $(wildcard test/conform/*.c))))
CONFORM_ELFS  := $(CONFORM:%=$(BUILD)/conform/%.elf)

$(foreach c,$(CONFORM),$(eval $(call guest_program,$(c),conform,test/conform/$(c).c test/conform/conform.c)))

CONFORM_FLAGS_domain  := --domains 4
CONFORM_FLAGS_release := --abi release
CONFORM_FLAGS_bench   := --abi bench

conform: $(CONFORM_ELFS)

test-conform: $(BUILD)/skerry $(CONFORM_ELFS)
	@failed=; \
	$(foreach c,$(CONFORM),echo "# $(c)"; \
		timeout -k 1 190 $(SKERRY) run --timeout 180s $(CONFORM_FLAGS_$(c)) $(BUILD)/conform/$(c).elf \
			2>$(BUILD)/conform/$(c).err \
		|| { failed="$$failed $(c)"; cat $(BUILD)/conform/$(c).err; };) \
	if [ -n "$$failed" ]; then echo "test-conform: failed:$$failed"; exit 1; fi

TESTS += test-conform
-include $(CONFORM:%=$(BUILD)/guest/test/conform/%.d)
.PHONY: conform
