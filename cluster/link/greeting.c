/* See greeting.h. The other side is hostile. */
#include "cluster/link/greeting.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_name[] = {[LINK_TCP] = "tcp", [LINK_UNIX] = "unix", [LINK_SHM] = "shm"};

size_t greeting_make(enum link_kind kind, const char *name, char line[GREETING_LINE])
{
	return (size_t)snprintf(line, GREETING_LINE, "skerry 1 %s %s\n", kind_name[kind], name);
}

/* Takes `word` and the space behind it off the front. */
static bool take(const char **line, size_t *length, const char *word)
{
	size_t size = strlen(word);

	if (*length <= size || memcmp(*line, word, size) != 0 || (*line)[size] != ' ')
		return false;
	*line += size + 1;
	*length -= size + 1;
	return true;
}

const char *greeting_parse(const char *line, size_t length, enum link_kind kind, char name[LINK_NAME_SIZE])
{
	if (!take(&line, &length, "skerry"))
		return "it is no node of ours";
	if (!take(&line, &length, "1"))
		return "it speaks another version";
	if (!take(&line, &length, kind_name[kind]))
		return "it speaks another kind of link";
	if (!link_name_valid(line, length))
		return "its name is none";
	memcpy(name, line, length);
	name[length] = 0;
	return NULL;
}

bool greeting_answer(const char *line, size_t length, char reason[GREETING_LINE])
{
	if (length == 2 && memcmp(line, "ok", 2) == 0)
		return true;
	if (!take(&line, &length, "no")) {
		line = "it answers with nonsense";
		length = strlen(line);
	}
	for (size_t i = 0; i < length; i++)
		reason[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
	reason[length] = 0;
	return false;
}
