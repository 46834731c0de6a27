/* See search.h. */
#include "cmd/search.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"
#include "host/host.h"

struct search search_create(const char *text)
{
	struct search search = {.text = text, .length = strlen(text)};
	size_t matched = 0;

	search.fallback = calloc(search.length + 1, sizeof *search.fallback);
	if (!search.fallback) {
		complain("out of memory");
		host_exit(STATUS_NO_BOOT);
	}
	for (size_t i = 1; i < search.length; i++) {
		while (matched > 0 && text[i] != text[matched])
			matched = search.fallback[matched];
		if (text[i] == text[matched])
			matched++;
		search.fallback[i + 1] = matched;
	}
	return search;
}

bool search_step(struct search *search, char byte)
{
	while (search->matched > 0 && byte != search->text[search->matched])
		search->matched = search->fallback[search->matched];
	if (byte == search->text[search->matched])
		search->matched++;
	if (search->matched < search->length)
		return false;
	search->matched = 0;
	return true;
}

void search_destroy(struct search *search)
{
	free(search->fallback);
}
