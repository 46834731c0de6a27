/* Looking for a text in a stream of bytes (Knuth, Morris, Pratt). */
#ifndef SKERRY_CMD_SEARCH_H
#define SKERRY_CMD_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

struct search {
	const char *text;
	size_t length, matched;
	size_t *fallback; /* how much still matches when the next character does not */
};

/* Ends the program if there is no memory. `text` is kept. */
struct search search_create(const char *text);
/* True when the text ends with this byte. */
bool search_step(struct search *search, char byte);
void search_destroy(struct search *search);

#endif
