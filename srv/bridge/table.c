/* Exports and imports: see table.h. Free places are used in turn, so that a count takes long to be used up.
 */
#include "srv/bridge/table.h"

#include <string.h>

void exports_init(struct exports *exports)
{
	memset(exports, 0, sizeof *exports);
	for (unsigned i = 0; i < TABLE_PLACES; i++)
		exports->places[i].next = (uint16_t)(i + 1);
	exports->places[TABLE_PLACES - 1].next = TABLE_NONE;
	exports->last_free = TABLE_PLACES - 1;
}

uint32_t export_add(struct exports *exports, unsigned peer, unsigned object)
{
	if (exports->first_free == TABLE_NONE || exports->count[peer] >= exports->limit[peer])
		return 0;
	struct export *export = &exports->places[exports->first_free];
	exports->first_free = export->next;
	exports->count[peer]++;
	*export = (struct export){
		.use = export->use + 1, .references = 1, .peer = (uint8_t)peer, .object = (uint8_t)object};
	return export_number(exports, export);
}

enum table_look export_look(struct exports *exports, unsigned peer, uint32_t number, struct export **found)
{
	struct export *export = &exports->places[table_place(number)];
	uint32_t use = number >> TABLE_PLACE_BITS;

	if (use == 0 || use > export->use)
		return TABLE_NEVER;
	if (use < export->use || !export->references)
		return TABLE_GONE;
	*found = export;
	return export->peer == peer && !export->ticket ? TABLE_LIVE : TABLE_NEVER;
}

uint32_t export_give(struct exports *exports, unsigned peer, unsigned object, uint64_t ticket, uint64_t until)
{
	uint32_t number;

	if (exports->unclaimed[peer] * 4 >= exports->limit[peer])
		return 0;
	number = export_add(exports, peer, object);
	if (number) {
		struct export *export = &exports->places[table_place(number)];
		export->ticket = ticket;
		export->ticket_until = until;
		exports->unclaimed[peer]++;
	}
	return number;
}

static void no_ticket(struct exports *exports, struct export *export)
{
	if (export->ticket)
		exports->unclaimed[export->peer]--;
	export->ticket = 0;
}

struct export *export_claim(struct exports *exports, unsigned peer, uint32_t number, uint64_t ticket)
{
	struct export *export = &exports->places[table_place(number)];

	if (!export->references || number != export_number(exports, export) || export->peer != peer ||
	    export->revoked || !export->ticket || export->ticket != ticket)
		return NULL;
	no_ticket(exports, export);
	return export;
}

void export_remove(struct exports *exports, struct export *export)
{
	uint16_t place = (uint16_t)export_place(exports, export);

	no_ticket(exports, export);
	exports->count[export->peer]--;
	export->references = 0;
	if (export->use == TABLE_LAST_USE)
		return;
	export->next = TABLE_NONE;
	if (exports->first_free == TABLE_NONE)
		exports->first_free = place;
	else
		exports->places[exports->last_free].next = place;
	exports->last_free = place;
}

/* --- imports ------------------------------------------------------------------------------------ */

void imports_init(struct imports *imports)
{
	memset(imports, 0, sizeof *imports);
	for (unsigned i = 0; i < TABLE_PLACES; i++) {
		imports->hash[i] = TABLE_NONE;
		imports->places[i].next = (uint16_t)(i + 1);
	}
	imports->places[TABLE_PLACES - 1].next = TABLE_NONE;
	imports->last_free = TABLE_PLACES - 1;
}

static uint16_t *chain(struct imports *imports, unsigned peer, uint32_t number)
{
	return &imports->hash[(number ^ number >> TABLE_PLACE_BITS ^ peer * 0x81u) & (TABLE_PLACES - 1)];
}

struct import *import_find(struct imports *imports, unsigned peer, uint32_t number)
{
	unsigned place = *chain(imports, peer, number);

	while (place != TABLE_NONE) {
		struct import *import = &imports->places[place];
		if (import->number == number && import->peer == peer)
			return import;
		place = import->next;
	}
	return NULL;
}

struct import *import_add(struct imports *imports, unsigned peer, uint32_t number, unsigned object)
{
	uint16_t place = imports->first_free, *first = chain(imports, peer, number);

	if (place == TABLE_NONE)
		return NULL;
	struct import *import = &imports->places[place];
	imports->first_free = import->next;
	imports->count[peer]++;
	*import = (struct import){.use = import->use + 1,
				  .number = number,
				  .next = *first,
				  .peer = (uint8_t)peer,
				  .object = (uint8_t)object};
	*first = place;
	return import;
}

struct import *import_by_name(struct imports *imports, uint32_t name)
{
	struct import *import = &imports->places[table_place(name)];
	return import->number && !import->ended && import->use == name >> TABLE_PLACE_BITS ? import : NULL;
}

void import_end(struct imports *imports, struct import *import)
{
	uint16_t *link = chain(imports, import->peer, import->number);

	while (*link != import_place(imports, import))
		link = &imports->places[*link].next;
	*link = import->next;
	import->ended = true;
}

void import_remove(struct imports *imports, struct import *import)
{
	uint16_t place = (uint16_t)import_place(imports, import);

	if (!import->ended)
		import_end(imports, import);
	imports->count[import->peer]--;
	import->number = 0;
	if (import->use == TABLE_LAST_USE)
		return;
	import->next = TABLE_NONE;
	if (imports->first_free == TABLE_NONE)
		imports->first_free = place;
	else
		imports->places[imports->last_free].next = place;
	imports->last_free = place;
}
