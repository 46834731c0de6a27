/*
 * The sieve of Eratosthenes over the odd numbers below 400,000, one byte each, again and again from
 * a different starting fill so that no pass can be left out. The scale is the number of passes.
 */
#include "test/bench/workload.h"

enum { ODDS = 200000 };

static uint8_t composite[ODDS];

static APART void sieve(void)
{
	for (unsigned i = 0; i < ODDS; i++)
		composite[i] = 0;
	for (unsigned i = 1;; i++) {
		unsigned prime = 2 * i + 1;

		if (prime * prime >= 2 * ODDS)
			break;
		if (composite[i])
			continue;
		for (unsigned j = (prime * prime) / 2; j < ODDS; j += prime)
			composite[j] = 1;
	}
}

static APART uint64_t count(unsigned upto)
{
	uint64_t primes = 1; /* the number 2 */

	for (unsigned i = 1; i < upto; i++)
		primes += !composite[i];
	return primes;
}

uint64_t workload_primes(unsigned scale)
{
	uint64_t checksum = 0;

	for (unsigned pass = 0; pass < scale; pass++) {
		sieve();
		checksum = checksum_add(checksum, count(ODDS - pass));
	}
	return checksum;
}
