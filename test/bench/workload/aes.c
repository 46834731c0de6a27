/*
 * AES-128 encryption (FIPS 197) in CBC mode over a buffer of 16 KiB, with the customary four tables
 * that join SubBytes and MixColumns. The tables are computed from the field's arithmetic, and the
 * standard's example is encrypted first and compared. The scale is the number of passes.
 */
#include "test/bench/workload.h"

enum { ROUNDS = 10, BUFFER = 16 << 10 };

static uint8_t sbox[256];
static uint32_t table[4][256];
static uint32_t round_key[4 * (ROUNDS + 1)];
static uint8_t buffer[BUFFER];

static uint8_t times_two(uint8_t x)
{
	return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

static uint8_t rotate_byte(uint8_t x, unsigned by)
{
	return (uint8_t)(x << by | x >> (8 - by));
}

/* Walks the field's elements: x through the powers of 3, y through their inverses. */
static void tables_make(void)
{
	uint8_t x = 1;
	uint8_t y = 1;

	do {
		x ^= times_two(x);
		y ^= (uint8_t)(y << 1);
		y ^= (uint8_t)(y << 2);
		y ^= (uint8_t)(y << 4);
		y ^= y & 0x80 ? 0x09 : 0;
		sbox[x] = y ^ rotate_byte(y, 1) ^ rotate_byte(y, 2) ^ rotate_byte(y, 3) ^ rotate_byte(y, 4) ^
			  0x63;
	} while (x != 1);
	sbox[0] = 0x63;

	for (unsigned i = 0; i < 256; i++) {
		uint32_t one = sbox[i];
		uint32_t two = times_two(sbox[i]);
		uint32_t column = two << 24 | one << 16 | one << 8 | (one ^ two);

		for (unsigned row = 0; row < 4; row++) {
			table[row][i] = column;
			column = column >> 8 | column << 24;
		}
	}
}

static uint32_t load_word(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static void store_word(uint8_t *to, uint32_t word)
{
	to[0] = (uint8_t)(word >> 24);
	to[1] = (uint8_t)(word >> 16);
	to[2] = (uint8_t)(word >> 8);
	to[3] = (uint8_t)word;
}

/* SubBytes on four bytes taken from four columns, as ShiftRows wants them. */
static inline uint32_t substitute(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return (uint32_t)sbox[a >> 24] << 24 | (uint32_t)sbox[b >> 16 & 255] << 16 |
	       (uint32_t)sbox[c >> 8 & 255] << 8 | sbox[d & 255];
}

static inline uint32_t mix(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return table[0][a >> 24] ^ table[1][b >> 16 & 255] ^ table[2][c >> 8 & 255] ^ table[3][d & 255];
}

static void key_set(const uint8_t key[16])
{
	uint8_t constant = 1;

	for (unsigned i = 0; i < 4; i++)
		round_key[i] = load_word(key + 4 * i);
	for (unsigned i = 4; i < 4 * (ROUNDS + 1); i++) {
		uint32_t word = round_key[i - 1];

		if (i % 4 == 0) {
			word = word << 8 | word >> 24;
			word = substitute(word, word, word, word) ^ (uint32_t)constant << 24;
			constant = times_two(constant);
		}
		round_key[i] = round_key[i - 4] ^ word;
	}
}

static APART void encrypt(uint8_t to[16], const uint8_t from[16])
{
	const uint32_t *key = round_key;
	uint32_t a = load_word(from) ^ key[0];
	uint32_t b = load_word(from + 4) ^ key[1];
	uint32_t c = load_word(from + 8) ^ key[2];
	uint32_t d = load_word(from + 12) ^ key[3];

	for (unsigned round = 1; round < ROUNDS; round++) {
		key += 4;

		uint32_t next_a = mix(a, b, c, d) ^ key[0];
		uint32_t next_b = mix(b, c, d, a) ^ key[1];
		uint32_t next_c = mix(c, d, a, b) ^ key[2];
		uint32_t next_d = mix(d, a, b, c) ^ key[3];

		a = next_a;
		b = next_b;
		c = next_c;
		d = next_d;
	}
	key += 4;
	store_word(to, substitute(a, b, c, d) ^ key[0]);
	store_word(to + 4, substitute(b, c, d, a) ^ key[1]);
	store_word(to + 8, substitute(c, d, a, b) ^ key[2]);
	store_word(to + 12, substitute(d, a, b, c) ^ key[3]);
}

uint64_t workload_aes(unsigned scale)
{
	uint8_t block[16];
	uint8_t key[16];
	uint64_t seed = 3;
	uint64_t checksum = 0;

	tables_make();
	for (unsigned i = 0; i < 16; i++) {
		key[i] = (uint8_t)i;
		block[i] = (uint8_t)(0x11 * i);
	}
	key_set(key);
	encrypt(block, block);
	if (load_word(block) != 0x69c4e0d8 || load_word(block + 12) != 0x70b4c55a)
		return 0;

	for (unsigned i = 0; i < BUFFER; i++)
		buffer[i] = (uint8_t)random_next(&seed);
	for (unsigned pass = 0; pass < scale; pass++) {
		for (unsigned at = 0; at < BUFFER; at += 16) {
			for (unsigned i = 0; i < 16; i++)
				block[i] ^= buffer[at + i];
			encrypt(block, block);
			for (unsigned i = 0; i < 16; i++)
				buffer[at + i] = block[i];
		}
	}
	for (unsigned i = 0; i < BUFFER; i++)
		checksum = checksum_add(checksum, buffer[i]);
	return checksum;
}
