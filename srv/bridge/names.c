/* Names: see names.h. */
#include "srv/bridge/names.h"

#include <string.h>

int names_place(const struct names *names, unsigned node, const char *name)
{
	for (int i = 0; i < NAMES_EACH; i++) {
		const struct claim *claim = &names->claims[node][i];
		if (claim->stamp && strncmp(claim->name, name, NAMES_BYTES) == 0)
			return i;
	}
	return NAMES_NOBODY;
}

static int free_place(const struct names *names, unsigned node)
{
	uint64_t busy = node == NAMES_SELF ? names->busy : 0;

	for (int i = 0; i < NAMES_EACH; i++) {
		if (!names->claims[node][i].stamp && !(busy >> i & 1))
			return i;
	}
	return NAMES_NOBODY;
}

static void claim_set(struct names *names, unsigned node, int place, const char *name, uint64_t stamp)
{
	struct claim *claim = &names->claims[node][place];

	claim->stamp = stamp;
	strncpy(claim->name, name, NAMES_BYTES - 1);
	claim->name[NAMES_BYTES - 1] = '\0';
	if (names->clock < stamp)
		names->clock += stamp - names->clock < NAMES_STRIDE ? stamp - names->clock : NAMES_STRIDE;
}

/* Does a's claim beat b's? */
static bool beats(const struct names *names, unsigned a, uint64_t a_stamp, unsigned b, uint64_t b_stamp)
{
	if (a_stamp != b_stamp)
		return a_stamp > b_stamp;
	return strncmp(names->node[a], names->node[b], NAMES_BYTES) < 0;
}

int names_winner(const struct names *names, const char *name)
{
	int winner = NAMES_NOBODY;
	uint64_t stamp = 0;

	for (unsigned node = 0; node <= NAMES_SELF; node++) {
		int place = names_place(names, node, name);
		if (place == NAMES_NOBODY)
			continue;
		uint64_t other = names->claims[node][place].stamp;
		if (winner == NAMES_NOBODY || beats(names, node, other, (unsigned)winner, stamp)) {
			winner = (int)node;
			stamp = other;
		}
	}
	return winner;
}

enum names_result names_publish(struct names *names, const char *name, int *place)
{
	if (names_winner(names, name) != NAMES_NOBODY)
		return NAMES_EXISTS;
	*place = free_place(names, NAMES_SELF);
	if (*place == NAMES_NOBODY)
		return NAMES_FULL;
	claim_set(names, NAMES_SELF, *place, name, names->clock + (names->clock < UINT64_MAX));
	return NAMES_OK;
}

void names_withdraw(struct names *names, int place)
{
	names->claims[NAMES_SELF][place].stamp = 0;
}

enum names_result names_heard(struct names *names, unsigned peer, const char *name, uint64_t stamp,
			      int *place)
{
	int theirs = names_place(names, peer, name);

	if (!stamp)
		return NAMES_ABSURD;
	if (theirs == NAMES_NOBODY)
		theirs = free_place(names, peer);
	if (theirs == NAMES_NOBODY)
		return NAMES_FULL;
	claim_set(names, peer, theirs, name, stamp);
	*place = names_place(names, NAMES_SELF, name);
	if (*place == NAMES_NOBODY ||
	    !beats(names, peer, stamp, NAMES_SELF, names->claims[NAMES_SELF][*place].stamp))
		return NAMES_OK;
	names_withdraw(names, *place);
	return NAMES_LOST;
}

bool names_unheard(struct names *names, unsigned peer, const char *name)
{
	int place = names_place(names, peer, name);

	if (place == NAMES_NOBODY)
		return false;
	names->claims[peer][place].stamp = 0;
	return true;
}

void names_forget(struct names *names, unsigned peer)
{
	for (int i = 0; i < NAMES_EACH; i++)
		names->claims[peer][i].stamp = 0;
}
