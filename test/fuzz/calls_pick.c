/* Dice for random calls, and what of the kernel's state a call can name. */
#include <inttypes.h>

#include "port/isa-riscv64/sv39.h"
#include "test/fuzz/calls_parts.h"

#define SCAN_DEPTH 3

struct dice dice;

/* So many bytes as it takes to say numbers up to `most`; behind the last byte are zeros. */
static uint64_t take(uint64_t most)
{
	uint64_t value = 0;

	for (; most > 0; most >>= 8) {
		value = value << 8 | (dice.size ? *dice.bytes : 0);
		dice.bytes += dice.size > 0;
		dice.size -= dice.size > 0;
	}
	return value;
}

uint64_t below(uint64_t limit)
{
	return dice.bytes ? take(limit - 1) % limit : random_below(&dice.random, limit);
}

bool chance(unsigned percent)
{
	return below(100) < percent;
}

uint64_t strange_word(void)
{
	static const uint64_t words[] = {0,
					 1,
					 2,
					 3,
					 4,
					 5,
					 11,
					 12,
					 13,
					 16,
					 21,
					 30,
					 38,
					 63,
					 64,
					 65,
					 120,
					 121,
					 127,
					 128,
					 255,
					 256,
					 257,
					 0x1000,
					 0x200000,
					 0x40000000,
					 0x3ffffff000,
					 0x4000000000,
					 1ull << 56,
					 1ull << 63,
					 ~0ull,
					 ~0ull - 1,
					 0xffffffc080200000,
					 0xffffffc080000000};

	switch (below(4)) {
	case 0:
		return dice.bytes ? take(~0ull) : random_word(&dice.random);
	case 1:
		return below(64);
	default:
		return words[below(sizeof words / sizeof words[0])];
	}
}

/* --- finding slots ---------------------------------------------------------------------------------- */

struct scan {
	unsigned want; /* a cap_type or WANT_… */
	bool cptr;     /* must be what a cptr can name */
	unsigned met;
	struct random random; /* of its own: a search asks often, and is to cost few bytes */
	struct place place;
};

static bool fits(struct scan *scan, const struct slot *slot, unsigned bits)
{
	uint64_t root;
	uint16_t asid;

	if (scan->cptr && bits < 64 && cap_type(slot->cap) == CAP_CNode)
		return false;
	switch (scan->want) {
	case WANT_FULL:
		return !slot_is_empty(slot);
	case WANT_EMPTY:
		return slot_is_empty(slot);
	case WANT_ANY:
		return true;
	case WANT_ROOM:
		return cap_type(slot->cap) == CAP_Untyped &&
		       (cap_untyped_free(slot->cap) < 1ull << cap_untyped_bits(slot->cap) ||
			!slot_has_children(slot)) &&
		       (!cap_untyped_device(slot->cap) || random_chance(&scan->random, 10));
	case WANT_POOL_MEMORY:
		return cap_type(slot->cap) == CAP_Untyped && !cap_untyped_device(slot->cap) &&
		       cap_untyped_bits(slot->cap) == seL4_ASIDPoolBits && !slot_has_children(slot);
	case WANT_VSPACE:
		return isa_vspace(slot->cap, &root, &asid);
	case WANT_LOOSE_TABLE:
		return cap_type(slot->cap) == CAP_PageTable && !cap_table_mapped(slot->cap);
	default:
		return cap_type(slot->cap) == (enum cap_type)scan->want;
	}
}

static void scan_cnode(struct scan *scan, struct cap node, uint64_t index, unsigned bits, unsigned depth)
{
	unsigned radix, guard_size;
	uint64_t slots, first;

	if (cap_type(node) != CAP_CNode)
		return;
	radix = cap_cnode_radix(node);
	guard_size = cap_cnode_guard_size(node);
	if (bits + radix + guard_size > 64)
		return;
	if (guard_size)
		index = (guard_size == 64 ? 0 : index << guard_size) | cap_cnode_guard(node);
	bits += guard_size + radix;
	slots = 1ull << radix;
	first = random_below(&scan->random, slots);
	for (uint64_t i = 0; i < slots && i < 600; i++) {
		uint64_t at = (first + i) % slots;
		struct slot *slot = slot_at(cap_object(node) + (at << seL4_SlotBits));
		uint64_t path = index << radix | at;

		if (fits(scan, slot, bits) && random_below(&scan->random, ++scan->met) == 0)
			scan->place = (struct place){path, bits, slot};
		if (depth > 0 && cap_type(slot->cap) == CAP_CNode && bits < 64 &&
		    (scan->cptr || random_chance(&scan->random, 30)))
			scan_cnode(scan, slot->cap, path, bits, depth - 1);
	}
}

struct place pick_in(struct cap node, unsigned want)
{
	struct scan scan = {.want = want, .random = {below(1 << 16)}};

	scan_cnode(&scan, node, 0, 0, SCAN_DEPTH);
	return scan.place;
}

struct place pick(const struct tcb *tcb, unsigned want)
{
	struct scan scan = {.want = want, .cptr = true, .random = {below(1 << 16)}};

	scan_cnode(&scan, tcb->slot[TCB_CSPACE].cap, 0, 0, 2);
	if (scan.place.slot && scan.place.bits < 64)
		scan.place.index = scan.place.index << (64 - scan.place.bits) |
				   random_word(&scan.random) >> scan.place.bits;
	return scan.place;
}

uint64_t pick_cptr(const struct tcb *tcb, unsigned want)
{
	struct place place = pick(tcb, want);

	return place.slot && !chance(1) ? place.index : strange_word();
}

struct cap cap_of(struct place place)
{
	return place.slot ? place.slot->cap : cap_null();
}
