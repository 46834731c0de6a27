/*
 * What crossed the links: exports, which are capabilities of this node that others have, and imports, which
 * are those of others that this node has. Only the tables; the capabilities themselves lie in the bridge's
 * slots, by index.
 *
 * An entry is named by a number that is never used again: the count of its place's uses above, the place
 * below. A place whose count is used up is given up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TABLE_PEERS = 8,
	TABLE_PLACE_BITS = 10,
	TABLE_PLACES = 1 << TABLE_PLACE_BITS,
	TABLE_NONE = 0xffff, /* no place */
};

#define TABLE_LAST_USE ((UINT32_C(1) << (32 - TABLE_PLACE_BITS)) - 1)

static inline unsigned table_place(uint32_t number)
{
	return number & (TABLE_PLACES - 1);
}

enum table_look {
	TABLE_LIVE,
	TABLE_GONE,  /* there was one of that number */
	TABLE_NEVER, /* or there never was, or it is somebody else's */
};

/* --- exports ------------------------------------------------------------------------------------ */

struct export
{
	uint32_t use;        /* counts the place's uses; that of the present or last one, 0: none yet */
	uint32_t references; /* as told to the peer and not released; 0: the place is free */
	uint64_t ticket;     /* another than 0: the peer has not claimed it yet */
	uint64_t ticket_until;
	uint16_t next;        /* free place */
	uint8_t peer, object; /* object: enum wire_object */
	bool revoked;         /* gone, but the peer has not been told yet */
};

struct exports {
	uint16_t first_free, last_free;
	uint16_t count[TABLE_PEERS];
	uint16_t limit[TABLE_PEERS];     /* what the peer takes, and not more than its share */
	uint16_t unclaimed[TABLE_PEERS]; /* of these, given by other nodes: a quarter at most */
	struct export places[TABLE_PLACES];
};

void exports_init(struct exports *);

/* A new one with one reference; its number, or 0 if there is no place or the peer takes no more. */
uint32_t export_add(struct exports *, unsigned peer, unsigned object);

/* Sets *found if it is live. What the peer has not claimed yet is not its own. */
enum table_look export_look(struct exports *, unsigned peer, uint32_t number, struct export **found);

/* The same for what another peer gives to that one, who has to claim it by the ticket, which is not 0. */
uint32_t export_give(struct exports *, unsigned peer, unsigned object, uint64_t ticket, uint64_t until);

/* The peer claims what another node had given to it, once. Null: there is no such thing, or it has another
 * ticket. */
struct export *export_claim(struct exports *, unsigned peer, uint32_t number, uint64_t ticket);

void export_remove(struct exports *, struct export *);

static inline unsigned export_place(const struct exports *exports, const struct export *export)
{
	return (unsigned)(export - exports->places);
}

static inline uint32_t export_number(const struct exports *exports, const struct export *export)
{
	return export->use << TABLE_PLACE_BITS | export_place(exports, export);
}

/* --- imports ------------------------------------------------------------------------------------ */

struct import {
	uint32_t use;
	uint32_t number;     /* the peer's name for it; 0: the place is free */
	uint32_t references; /* as told by the peer and not yet released */
	uint32_t carried;    /* by messages of ours that have no result yet */
	uint32_t given;      /* times that it was given to programs of this node, less their releases */
	uint16_t next;       /* free place; live: the next of the same hash */
	uint8_t peer, object;
	bool released;  /* by all programs that it was given to */
	bool ended;     /* gone, but the peer has not been told yet */
	bool signalled; /* a notification: once more, since a signal is outstanding */
};

struct imports {
	uint16_t first_free, last_free;
	uint16_t count[TABLE_PEERS];
	uint16_t hash[TABLE_PLACES]; /* first place of each */
	struct import places[TABLE_PLACES];
};

void imports_init(struct imports *);

/* The live one that the peer calls so, or null. */
struct import *import_find(struct imports *, unsigned peer, uint32_t number);

/* A new one without references, or null if there is no place. */
struct import *import_add(struct imports *, unsigned peer, uint32_t number, unsigned object);

/* By our own number for it, which is the low half of its proxies' badge; null if it is gone. */
struct import *import_by_name(struct imports *, uint32_t name);

/* It is not found any more; its place is kept until import_remove(). */
void import_end(struct imports *, struct import *);

void import_remove(struct imports *, struct import *);

static inline unsigned import_place(const struct imports *imports, const struct import *import)
{
	return (unsigned)(import - imports->places);
}

static inline uint32_t import_name(const struct imports *imports, const struct import *import)
{
	return import->use << TABLE_PLACE_BITS | import_place(imports, import);
}
