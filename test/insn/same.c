/* Are two machines in one state? See machine.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "test/insn/machine.h"

static void register_name(unsigned i, char *name)
{
	if (i < 33)
		sprintf(name, "x%u", i);
	else if (i == 33)
		strcpy(name, "pc");
	else if (i < 66)
		sprintf(name, "f%u", i - 34);
	else
		strcpy(name, "fcsr");
}

#define DIFFERS(what, a, b)                                                                                  \
	do {                                                                                                 \
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                                             \
		if (a_ != b_) {                                                                              \
			sprintf(why, "%s is %#" PRIx64 ", interpreted %#" PRIx64, what, b_, a_);             \
			return false;                                                                        \
		}                                                                                            \
	} while (0)

static bool same_registers(const struct machine *a, const struct machine *b, char *why)
{
	const uint64_t *x = a->regs.x, *y = b->regs.x;
	char name[8];

	_Static_assert(sizeof(a->regs) == 67 * 8, "names");
	for (unsigned i = 0; i < 67; i++) {
		register_name(i, name);
		DIFFERS(name, x[i], y[i]);
	}
	return true;
}

static bool same_bytes(uint64_t paddr, const uint8_t *a, const uint8_t *b, uint64_t size, char *why)
{
	if (memcmp(a, b, size) == 0)
		return true;
	for (uint64_t i = 0; i < size; i += 8) {
		char name[32];

		sprintf(name, "memory at %#" PRIx64, paddr + i);
		DIFFERS(name, *(const uint64_t *)(const void *)(a + i),
			*(const uint64_t *)(const void *)(b + i));
	}
	return true;
}

bool machine_same_memory(const struct machine *a, const struct machine *b, char *why)
{
	DIFFERS("used memory", a->next, b->next);
	return same_bytes(RAM_BASE, a->ram, b->ram, a->next - RAM_BASE, why) &&
	       same_bytes(REGION, a->region, b->region, REGION_SIZE, why);
}

bool machine_same(const struct machine *a, enum vm_stop stop, const struct machine *b, enum vm_stop other,
		  char *why)
{
	DIFFERS("stop", stop, other);
	DIFFERS("instret", a->hart->instret, b->hart->instret);
	if (!same_registers(a, b, why))
		return false;
	if (stop == VM_STOP_EXCEPTION) {
		DIFFERS("cause", a->hart->cause, b->hart->cause);
		DIFFERS("tval", a->hart->tval, b->hart->tval);
	}
	if (stop == VM_STOP_WATCH) {
		DIFFERS("watched", a->hart->watched.vaddr, b->hart->watched.vaddr);
		DIFFERS("kind", a->hart->watched.kind, b->hart->watched.kind);
	}
	DIFFERS("accesses of the device", a->bus_count, b->bus_count);
	DIFFERS("the device's instret", a->bus_instret, b->bus_instret);
	DIFFERS("the device's address", a->bus_paddr, b->bus_paddr);
	DIFFERS("the device's value", a->bus_value, b->bus_value);
	return true;
}
