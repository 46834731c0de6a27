/*
 * Code that is kept from one run to the next. Entries lie one behind the other in memory that is a file's
 * contents, and are found by what the code was made of: the guest's bytes and everything else that decides
 * what becomes of them. Whoever keeps the file sees to it that it is of this very program (the translator,
 * and the layout of what code reads and writes) and that nobody else could write it. Numbers in it are
 * checked here before they are used; machine code cannot be.
 */
#include <stdlib.h>

#include "host/host.h"
#include "vm/jit/jit.h"

#define KEEP_SIZE (64u << 20)
#define BUCKETS   4096
#define MOVES_MAX (REGION_BLOCKS * BLOCK_SLOTS * 12)

/* The beginning: of no use on another kind of processor, or of machine. */
struct head {
	uint64_t features[TRANSLATOR_FEATURES], fixed, region;
};

struct move {
	uint32_t at;
	uint16_t moves, value;
};

struct kept_link {
	uint64_t pc;
	uint32_t field, unlinked; /* bytes from the code's beginning */
	uint32_t careful, outside;
};

struct entry {
	struct entry *next; /* in its bucket; of no meaning in a file */
	uint64_t hash;
	uint32_t size; /* of all of it */
	uint32_t blocks, key, moves, links, code;
	/* Then: the key, moves, links and code, each from a multiple of eight bytes on. */
};

/* Of each block, followed by the guest's bytes. */
struct block_key {
	uint64_t pc;
	uint32_t straddle_word, kind;
	uint16_t bytes, slots, count;
	uint8_t fp_off, careful;
};

struct keep {
	struct vm *vm;
	struct head head;
	uint8_t *file; /* what was kept before, or NULL */
	uint64_t file_size;
	uint8_t *fresh; /* what is kept now */
	uint64_t fresh_size;
	struct entry *bucket[BUCKETS];

	/* What is being looked for, and then compiled. */
	uint8_t key[REGION_BLOCKS * (sizeof(struct block_key) + 4 * BLOCK_INSNS + 8)];
	uint32_t key_size; /* 0: not to be kept */
	unsigned moves, links;
	const struct link_site *link;
	struct move move[MOVES_MAX];
};

static uint64_t rounded(uint64_t size)
{
	return (size + 7) & ~UINT64_C(7);
}

/* --- the parts of an entry --- */

static uint8_t *key_of(struct entry *entry)
{
	return (uint8_t *)(entry + 1);
}

static struct move *moves_of(struct entry *entry)
{
	return (struct move *)(key_of(entry) + rounded(entry->key));
}

static struct kept_link *links_of(struct entry *entry)
{
	return (struct kept_link *)(moves_of(entry) + entry->moves);
}

static uint8_t *code_of(struct entry *entry)
{
	return (uint8_t *)(links_of(entry) + entry->links);
}

static uint64_t size_of(const struct entry *entry)
{
	return sizeof(*entry) + rounded(entry->key) + (uint64_t)entry->moves * sizeof(struct move) +
	       (uint64_t)entry->links * sizeof(struct kept_link) + rounded(entry->code);
}

static void enter(struct keep *keep, struct entry *entry)
{
	struct entry **bucket = &keep->bucket[entry->hash % BUCKETS];

	entry->next = *bucket;
	*bucket = entry;
}

/* --- keys --- */

/* Of a whole number of words. */
static uint64_t hash(const uint8_t *bytes, uint32_t size)
{
	uint64_t hash = size, word;

	for (; size > 0; bytes += sizeof(word), size -= (uint32_t)sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return hash;
}

/* `kind`: 0 of a block, 1 of a loop; of a call 2 more than its slots. */
static void key_add(struct keep *keep, const struct code *code, uint32_t kind)
{
	const struct block *block = code->block;
	struct block_key key;

	memset(&key, 0, sizeof(key));
	key.pc = code->pc;
	key.straddle_word = block->straddle_word;
	key.kind = kind;
	key.bytes = block->bytes;
	key.slots = block->slots;
	key.count = (uint16_t)block->count;
	key.fp_off = block->fp_off;
	key.careful = code->careful;
	memcpy(keep->key + keep->key_size, &key, sizeof(key));
	keep->key_size += (uint32_t)sizeof(key);
	memset(keep->key + keep->key_size + rounded(block->bytes) - 8, 0, 8);
	memcpy(keep->key + keep->key_size, vm_host(keep->vm, block->paddr), block->bytes);
	keep->key_size += (uint32_t)rounded(block->bytes);
}

/* --- making code of an entry --- */

static void move_make(struct jit *jit, const struct move *move, uint8_t *at, struct code *const *code,
		      struct link_site *links)
{
	uint8_t *field = at + move->at;
	const uint8_t *target = jit->write + move->value;
	uint64_t address = 0;

	if (move->moves == MOVES_ENTRY)
		target = jit->write + (code[move->value >> 8]->entry - jit->run) + (move->value & 255);
	if (move->moves == MOVES_FIXED || move->moves == MOVES_ENTRY) {
		int32_t distance = (int32_t)(target - (field + 4));

		memcpy(field, &distance, sizeof(distance));
		return;
	}
	if (move->moves == MOVES_CODE)
		address = (uintptr_t)code[move->value];
	else if (move->moves == MOVES_LINK)
		address = (uintptr_t)&links[move->value];
	else
		address = (uintptr_t)vm_native_op;
	memcpy(field, &address, sizeof(address));
}

/* Appends the entry's code to the cache; the links are an array. */
static struct link_site *make(struct jit *jit, struct entry *entry, struct code *const *code)
{
	uint8_t *at = jit->write + jit->used;
	struct link_site *links = NULL;

	memcpy(at, code_of(entry), entry->code);
	for (uint32_t i = 0; i < entry->links; i++) {
		const struct kept_link *kept = &links_of(entry)[i];
		struct link_site *link = vm_jit_link(jit, kept->pc);

		link->field = at + kept->field;
		link->unlinked = at + kept->unlinked;
		link->careful = kept->careful;
		link->outside = kept->outside;
		if (i == 0)
			links = link;
	}
	for (uint32_t i = 0; i < entry->moves; i++)
		move_make(jit, &moves_of(entry)[i], at, code, links);
	jit->used += entry->code;
	jit->keep->vm->stats.code_recalled++;
	return links;
}

/* Are all numbers in it within bounds, of which there was made room for some? */
static bool is_good(const struct jit *jit, struct entry *entry, uint32_t code_max, uint32_t links_max)
{
	const uint64_t limits[MOVES_COUNT] = {[MOVES_FIXED] = jit->fixed,
					      [MOVES_ENTRY] = MOVES_INTO(entry->blocks, 0),
					      [MOVES_CODE] = entry->blocks,
					      [MOVES_LINK] = entry->links,
					      [MOVES_NATIVE_OP] = 1};

	if (entry->code > code_max || entry->links > links_max)
		return false;
	for (uint32_t i = 0; i < entry->moves; i++) {
		const struct move *move = &moves_of(entry)[i];
		uint32_t bytes = move->moves == MOVES_FIXED || move->moves == MOVES_ENTRY ? 4 : 8;

		if (move->moves >= MOVES_COUNT || entry->code < bytes || move->at > entry->code - bytes ||
		    move->value >= limits[move->moves])
			return false;
	}
	for (uint32_t i = 0; i < entry->links; i++) {
		const struct kept_link *link = &links_of(entry)[i];

		if (entry->code < 4 || link->field > entry->code - 4 || link->unlinked >= entry->code)
			return false;
	}
	return true;
}

/* The entry of the key, which is of so many blocks; NULL: none. */
static struct entry *find(const struct jit *jit, unsigned blocks, uint32_t code_max, uint32_t links_max)
{
	const struct keep *keep = jit->keep;
	uint64_t wanted = hash(keep->key, keep->key_size);

	for (struct entry *entry = keep->bucket[wanted % BUCKETS]; entry; entry = entry->next)
		if (entry->hash == wanted && entry->key == keep->key_size && entry->blocks == blocks &&
		    memcmp(key_of(entry), keep->key, keep->key_size) == 0)
			return is_good(jit, entry, code_max, links_max) ? entry : NULL;
	return NULL;
}

static void begin(struct keep *keep)
{
	keep->key_size = 0;
	keep->moves = keep->links = 0;
}

bool vm_keep_recall(struct jit *jit, struct code *code)
{
	struct keep *keep = jit->keep;
	struct entry *entry;
	const uint8_t *start = jit->run + jit->used;

	if (likely(!keep))
		return false;
	begin(keep);
	key_add(keep, code, 0);
	entry = find(jit, 1, TRANSLATED_MAX, TRACE_LINKS);
	if (!entry)
		return false;
	code->links = make(jit, entry, &code);
	code->link_count = (uint8_t)entry->links;
	code->entry = start;
	return true;
}

bool vm_keep_recall_region(struct jit *jit, struct region *region)
{
	struct keep *keep = jit->keep;
	struct entry *entry;

	if (likely(!keep))
		return false;
	begin(keep);
	for (unsigned i = 0; i < region->count; i++)
		key_add(keep, region->code[i], region->call ? 2 + region->slots[i] : 1);
	entry = find(jit, region->count, REGION_MAX, REGION_TRACES * TRACE_LINKS);
	if (!entry)
		return false;
	region->entry = jit->run + jit->used;
	make(jit, entry, region->code);
	return true;
}

/* --- entries of code --- */

void vm_keep_note(struct jit *jit, enum moves moves, const uint8_t *at, uint64_t value)
{
	struct keep *keep = jit->keep;

	if (keep->moves == MOVES_MAX || value > UINT16_MAX) {
		keep->key_size = 0;
		return;
	}
	keep->move[keep->moves++] = (struct move){.at = (uint32_t)(at - (jit->write + jit->used)),
						  .moves = (uint16_t)moves,
						  .value = (uint16_t)value};
}

void vm_keep_links(struct jit *jit, const struct link_site *links, unsigned count)
{
	if (likely(!jit->keep))
		return;
	jit->keep->link = links;
	jit->keep->links = count;
}

void vm_keep_store(struct jit *jit, unsigned blocks, uint64_t from)
{
	struct keep *keep = jit->keep;
	const uint8_t *at = jit->write + from;
	struct entry made = {.blocks = blocks}, *entry;

	if (likely(!keep) || keep->key_size == 0)
		return;
	made.hash = hash(keep->key, keep->key_size);
	made.key = keep->key_size;
	made.moves = keep->moves;
	made.links = keep->links;
	made.code = (uint32_t)(jit->used - from);
	made.size = (uint32_t)size_of(&made);
	if (made.size > KEEP_SIZE - keep->file_size - keep->fresh_size)
		return;
	entry = (struct entry *)(keep->fresh + keep->fresh_size);
	*entry = made;
	memcpy(key_of(entry), keep->key, keep->key_size);
	memcpy(moves_of(entry), keep->move, keep->moves * sizeof(struct move));
	for (unsigned i = 0; i < keep->links; i++)
		links_of(entry)[i] = (struct kept_link){.pc = keep->link[i].pc,
							.field = (uint32_t)(keep->link[i].field - at),
							.unlinked = (uint32_t)(keep->link[i].unlinked - at),
							.careful = keep->link[i].careful,
							.outside = keep->link[i].outside};
	memcpy(code_of(entry), at, made.code);
	enter(keep, entry);
	keep->fresh_size += made.size;
}

/* --- files --- */

/* Is there a whole entry? The numbers in it are checked when it is used. */
static bool is_whole(const struct keep *keep, const struct entry *entry, uint64_t left)
{
	return left >= sizeof(*entry) && entry->size <= left && entry->key > 0 && entry->key % 8 == 0 &&
	       entry->key <= sizeof(keep->key) && entry->moves <= MOVES_MAX &&
	       entry->links <= REGION_TRACES * TRACE_LINKS && entry->code <= REGION_MAX &&
	       size_of(entry) == entry->size;
}

static bool read(struct keep *keep, uint8_t *bytes, uint64_t size)
{
	uint64_t place = sizeof(keep->head);

	if (size < place || size > KEEP_SIZE || memcmp(bytes, &keep->head, sizeof(keep->head)) != 0)
		return false;
	for (; place < size; place += ((struct entry *)(bytes + place))->size) {
		if (!is_whole(keep, (struct entry *)(bytes + place), size - place)) {
			memset(keep->bucket, 0, sizeof(keep->bucket));
			return false;
		}
		enter(keep, (struct entry *)(bytes + place));
	}
	keep->file = bytes;
	keep->file_size = size;
	return true;
}

bool vm_code_keep(struct vm *vm, void *bytes, uint64_t size)
{
	struct jit *jit = vm->jit;
	struct keep *keep = jit && !jit->keep ? calloc(1, sizeof(*keep)) : NULL;

	if (keep)
		keep->fresh = host_memory_reserve(KEEP_SIZE);
	if (!keep || !keep->fresh) {
		free(keep);
		return !jit || !bytes;
	}
	keep->vm = vm;
	keep->head.fixed = jit->fixed;
	keep->head.region = vm->config.region_size != 0;
	vm_translator_features(keep->head.features);
	jit->keep = keep;
	if (bytes && read(keep, bytes, size))
		return true;
	memcpy(keep->fresh, &keep->head, sizeof(keep->head));
	keep->fresh_size = sizeof(keep->head);
	return !bytes;
}

bool vm_code_kept(const struct vm *vm, struct vm_kept_code *kept)
{
	const struct keep *keep = vm->jit ? vm->jit->keep : NULL;

	if (!keep || keep->fresh_size <= (keep->file ? 0 : sizeof(keep->head)))
		return false;
	*kept = (struct vm_kept_code){{keep->file, keep->fresh}, {keep->file_size, keep->fresh_size}};
	return true;
}

void vm_keep_end(struct jit *jit)
{
	if (!jit->keep)
		return;
	host_memory_release(jit->keep->fresh, KEEP_SIZE);
	free(jit->keep);
}
