/*
 * A root server with a working set of 64 MiB, for the figures of snapshots: half of it is like text, half like
 * noise. When it is full a line is printed, and from then on 4 MiB of it are written over and over.
 */
#include <stdint.h>
#include <stdio.h>

#define WORDS   (64ul << 20 >> 3)
#define CHANGED (4ul << 20 >> 3)

static uint64_t data[WORDS];

int main(void)
{
	uint64_t noise = 88172645463325252ull;

	for (unsigned long i = 0; i < WORDS; i++) {
		noise ^= noise << 13;
		noise ^= noise >> 7;
		noise ^= noise << 17;
		data[i] = i % 1024 < 512 ? noise : 0x2065687420646e61ull + i / 16;
	}
	puts("full");
	for (uint64_t round = 1;; round++)
		for (unsigned long i = 0; i < CHANGED; i++)
			data[i] += round;
}
