/*
 * The bridge's tables without a bridge: exports, imports, names. What a peer may and may not say of them.
 */
#include <stdio.h>
#include <string.h>

#include "srv/bridge/names.h"
#include "srv/bridge/table.h"

static struct exports exports;
static struct imports imports;
static struct names names;
static const char *why;

static void expect(bool good, const char *what)
{
	if (!good && !why)
		why = what;
}

static enum table_look look(unsigned peer, uint32_t number)
{
	struct export *found;

	return export_look(&exports, peer, number, &found);
}

static struct export *export_of(uint32_t number)
{
	return &exports.places[table_place(number)];
}

static void test_exports(void)
{
	uint32_t number = export_add(&exports, 1, 1);

	expect(look(1, number) == TABLE_LIVE, "it is not there");
	expect(look(0, number) == TABLE_NEVER, "it is another's, too");
	expect(look(1, number + TABLE_PLACES) == TABLE_NEVER, "one that has not been made yet is there");
	expect(look(1, table_place(number)) == TABLE_NEVER && look(1, 0) == TABLE_NEVER,
	       "there is a number 0");
	export_remove(&exports, export_of(number));
	expect(look(1, number) == TABLE_GONE, "it is not gone");
}

/* A number never comes again, and when a place has no more of them, it is not used. */
static void test_numbers(void)
{
	static uint32_t last[TABLE_PLACES];

	for (unsigned i = 0; i < 10 * TABLE_PLACES; i++) {
		uint32_t number = export_add(&exports, i % 2, 1);

		expect(number > last[table_place(number)], "a number came again");
		last[table_place(number)] = number;
		export_remove(&exports, export_of(number));
	}
	export_of(5)->use = TABLE_LAST_USE - 1;
	for (unsigned i = 0; i < 3 * TABLE_PLACES; i++) {
		uint32_t number = export_add(&exports, 0, 1);

		expect(number != 0, "there is no place");
		expect(table_place(number) != 5 || number >> TABLE_PLACE_BITS == TABLE_LAST_USE,
		       "a place began again");
		export_remove(&exports, export_of(number));
	}
}

static void test_limits(void)
{
	unsigned count = 0;

	while (export_add(&exports, 0, 1))
		count++;
	expect(count == 500, "not as many as the peer takes");
	while (export_add(&exports, 1, 1))
		count++;
	expect(count == 1000, "the limits are not each peer's own");
}

/* Until it is claimed, by the right one with the right ticket, it is nobody's. */
static void test_claims(void)
{
	uint32_t number = export_give(&exports, 1, 1, 99, 0), plain = export_add(&exports, 1, 1);

	expect(look(1, number) == TABLE_NEVER, "it is there before it is claimed");
	expect(!export_claim(&exports, 1, number, 98) && !export_claim(&exports, 1, number, 0),
	       "by another ticket");
	expect(!export_claim(&exports, 0, number, 99), "by another peer");
	expect(!export_claim(&exports, 1, number + TABLE_PLACES, 99), "by another number");
	expect(!export_claim(&exports, 1, plain, 0), "what nobody gave was claimed");
	expect(export_claim(&exports, 1, number, 99) == export_of(number), "it cannot be claimed");
	expect(look(1, number) == TABLE_LIVE, "it is not there after it is claimed");
	expect(!export_claim(&exports, 1, number, 99), "it was claimed twice");
	number = export_give(&exports, 1, 1, 7, 0);
	export_of(number)->revoked = true;
	expect(!export_claim(&exports, 1, number, 7), "it was claimed after it was revoked");
}

/* What others give to a peer leaves room for its own. */
static void test_unclaimed(void)
{
	uint32_t number = 0, last, count = 0;

	while ((last = export_give(&exports, 1, 1, 5, 0))) {
		number = last;
		count++;
	}
	expect(count == 125, "not a quarter");
	expect(export_add(&exports, 1, 1) != 0, "there is no room for others");
	expect(export_claim(&exports, 1, number, 5) && export_give(&exports, 1, 1, 5, 0),
	       "claimed, it still counts");
	expect(!export_give(&exports, 1, 1, 5, 0), "claimed, it counts twice");
	export_remove(&exports, export_of(number));
	expect(!export_give(&exports, 1, 1, 5, 0), "a claimed one that is gone counts again");
	export_remove(&exports, export_of(number - 1));
	expect(export_give(&exports, 1, 1, 5, 0), "one that is gone still counts");
}

static void test_imports(void)
{
	static struct import *all[300];

	for (uint32_t i = 0; i < 300; i++) /* many of one hash */
		all[i] = import_add(&imports, i % 3, 7 + i / 3 * (TABLE_PLACES + 1) % 9999, 1);
	for (uint32_t i = 0; i < 300; i++)
		expect(all[i] && import_find(&imports, i % 3, all[i]->number) == all[i], "it is not found");
	for (uint32_t i = 0; i < 300; i += 2) {
		uint32_t name = import_name(&imports, all[i]), number = all[i]->number;

		import_end(&imports, all[i]);
		expect(!import_find(&imports, i % 3, number) && !import_by_name(&imports, name),
		       "it is found after its end");
		import_remove(&imports, all[i]);
		expect(!import_by_name(&imports, name), "it is found after it was removed");
	}
	for (uint32_t i = 1; i < 300; i += 2) {
		expect(import_find(&imports, i % 3, all[i]->number) == all[i],
		       "another one is not found any more");
		import_remove(&imports, all[i]);
	}
	expect(imports.count[0] + imports.count[1] + imports.count[2] == 0, "some are still counted");
}

static void test_names(void)
{
	int place = NAMES_NOBODY, other;

	expect(names_publish(&names, "x", &place) == NAMES_OK && names_winner(&names, "x") == NAMES_SELF,
	       "not ours");
	expect(names_publish(&names, "x", &other) == NAMES_EXISTS, "published twice");
	expect(names_heard(&names, 0, "x", 1, &other) == NAMES_LOST && other == place,
	       "the name first in order lost");
	expect(names_winner(&names, "x") == 0, "and is not the winner");
	expect(names_publish(&names, "y", &place) == NAMES_OK, "cannot publish another");
	expect(names_heard(&names, 1, "y", 1, &other) == NAMES_OK, "an older claim won");
	expect(names_heard(&names, 1, "y", 3, &other) == NAMES_LOST, "a later claim lost");
	expect(names_unheard(&names, 1, "y") && names_winner(&names, "y") == NAMES_NOBODY,
	       "withdrawn, it is there");
	names_forget(&names, 0);
	expect(names_winner(&names, "x") == NAMES_NOBODY, "a node that is gone has it");
}

static void test_stamps(void)
{
	int place;

	expect(names_heard(&names, 0, "x", 0, &place) == NAMES_ABSURD, "no stamp");
	expect(names_heard(&names, 0, "x", UINT64_MAX, &place) == NAMES_ABSURD, "the last stamp");
	expect(names_heard(&names, 0, "x", NAMES_STRIDE, &place) == NAMES_OK, "a high stamp is refused");
	expect(names_heard(&names, 0, "x", 1, &place) == NAMES_OK, "a low one later is refused");
	expect(names_publish(&names, "y", &place) == NAMES_OK &&
		       names.claims[NAMES_SELF][place].stamp > NAMES_STRIDE,
	       "one's own stamp is not the highest");
}

static void test_full(void)
{
	char name[NAMES_BYTES] = "n00";
	int place;

	for (int i = 0; i < NAMES_EACH; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		expect(names_heard(&names, 0, name, 5, &place) == NAMES_OK, "a peer has fewer names");
		name[0] = 'm';
		expect(names_publish(&names, name, &place) == NAMES_OK, "we have fewer names");
		name[0] = 'n';
	}
	expect(names_heard(&names, 0, "more", 5, &place) == NAMES_FULL, "a peer has more names");
	expect(names_publish(&names, "mine", &place) == NAMES_FULL, "we have more names");
	expect(names_heard(&names, 1, "more", 5, &place) == NAMES_OK, "another peer has fewer");
	names_withdraw(&names, 3);
	names.busy = 8;
	expect(names_publish(&names, "mine", &place) == NAMES_FULL, "a busy place was used");
	names.busy = 0;
	expect(names_publish(&names, "mine", &place) == NAMES_OK && place == 3, "a free place was not used");
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{"exports", test_exports}, {"numbers", test_numbers},     {"limits", test_limits},
		{"claims", test_claims},   {"unclaimed", test_unclaimed}, {"imports", test_imports},
		{"names", test_names},     {"stamps", test_stamps},       {"full", test_full},
	};
	bool all_good = true;

	for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++) {
		why = NULL;
		exports_init(&exports);
		imports_init(&imports);
		memset(&names, 0, sizeof names);
		exports.limit[0] = exports.limit[1] = 500;
		strcpy(names.node[NAMES_SELF], "b");
		strcpy(names.node[0], "a");
		strcpy(names.node[1], "c");
		tests[i].run();
		printf(why ? "not ok tables-%s: %s\n" : "ok tables-%s\n", tests[i].name, why);
		all_good = all_good && !why;
	}
	return !all_good;
}
