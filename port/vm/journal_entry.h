/*
 * The entries of a journal, one after the other: a byte says which, numbers follow in 7 bits a byte, the
 * lowest first. A byte from 0x80 on is a reading of the clock, 0 to 127 ns after the one before.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_kind {
	ENTRY_NONE,      /* there is no whole entry */
	ENTRY_CLOCK,     /* number[0]: ns since the reading before */
	ENTRY_INPUT,     /* guest time, console; bytes: what the guest took */
	ENTRY_SKIP,      /* from guest time, to guest time */
	ENTRY_DISK_READ, /* operation; bytes: what was read */
	ENTRY_DISK_FAIL, /* operation */
	ENTRY_MARK,      /* guest time, instructions: the run came this far */
	ENTRY_END,       /* guest time, instructions, state hash, status; bytes: why */
	ENTRY_KINDS
};

#define ENTRY_NUMBERS 4

struct entry {
	enum entry_kind kind;
	uint64_t number[ENTRY_NUMBERS];
	const uint8_t *bytes;
	uint64_t size;
	uint64_t next; /* where the next entry begins */
};

/* The entry at `at`; of kind ENTRY_NONE if no whole, valid one is there. */
struct entry entry_parse(const uint8_t *entries, uint64_t size, uint64_t at);
/* Room that entry_write() may need beside the bytes. */
#define ENTRY_ROOM (1 + 10 * (ENTRY_NUMBERS + 1))
/* Writes an entry; returns its size. */
size_t entry_write(uint8_t *to, const struct entry *entry);
