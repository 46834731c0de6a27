/* See journal_entry.h. */
#include "port/vm/journal_entry.h"

#include <string.h>

#define CLOCK_SHORT 0x80

static const struct {
	uint8_t numbers;
	bool has_bytes;
} shapes[ENTRY_KINDS] = {
	[ENTRY_CLOCK] = {1, false},    [ENTRY_INPUT] = {2, true},      [ENTRY_SKIP] = {2, false},
	[ENTRY_DISK_READ] = {1, true}, [ENTRY_DISK_FAIL] = {1, false}, [ENTRY_MARK] = {2, false},
	[ENTRY_END] = {4, true},
};

static bool read_number(const uint8_t *entries, uint64_t size, uint64_t *at, uint64_t *number)
{
	*number = 0;
	for (unsigned shift = 0; shift < 64 && *at < size; shift += 7) {
		uint8_t byte = entries[(*at)++];

		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

struct entry entry_parse(const uint8_t *entries, uint64_t size, uint64_t at)
{
	static const struct entry none;
	struct entry entry = none;

	if (at >= size)
		return none;
	if (entries[at] >= CLOCK_SHORT) {
		entry.kind = ENTRY_CLOCK;
		entry.number[0] = entries[at] - CLOCK_SHORT;
		entry.next = at + 1;
		return entry;
	}
	if (entries[at] == ENTRY_NONE || entries[at] >= ENTRY_KINDS)
		return none;
	entry.kind = entries[at++];
	for (unsigned i = 0; i < shapes[entry.kind].numbers; i++)
		if (!read_number(entries, size, &at, &entry.number[i]))
			return none;
	if (shapes[entry.kind].has_bytes) {
		if (!read_number(entries, size, &at, &entry.size) || entry.size > size - at)
			return none;
		entry.bytes = entries + at;
	}
	entry.next = at + entry.size;
	return entry;
}

static size_t write_number(uint8_t *to, uint64_t number)
{
	size_t size = 0;

	for (; number >= 0x80; number >>= 7)
		to[size++] = (uint8_t)(number | 0x80);
	to[size++] = (uint8_t)number;
	return size;
}

size_t entry_write(uint8_t *to, const struct entry *entry)
{
	size_t size = 1;

	if (entry->kind == ENTRY_CLOCK && entry->number[0] < 0x80) {
		to[0] = (uint8_t)(CLOCK_SHORT + entry->number[0]);
		return 1;
	}
	to[0] = (uint8_t)entry->kind;
	for (unsigned i = 0; i < shapes[entry->kind].numbers; i++)
		size += write_number(to + size, entry->number[i]);
	if (!shapes[entry->kind].has_bytes)
		return size;
	size += write_number(to + size, entry->size);
	memcpy(to + size, entry->bytes, entry->size);
	return size + entry->size;
}
