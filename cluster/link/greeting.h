/*
 * What two nodes say to each other before a link is one. Each sends
 *
 *   skerry 1 KIND NAME\n
 *
 * where KIND is tcp, unix or shm and NAME its own, and answers the other's with
 *
 *   ok\n            from here on the stream is the link's
 *   no REASON\n     and hangs up
 *
 * Over TCP this goes through TLS: who is who is known by then, and the name must be the key's.
 */
#ifndef SKERRY_CLUSTER_LINK_GREETING_H
#define SKERRY_CLUSTER_LINK_GREETING_H

#include "cluster/link/url.h"

#define GREETING_LINE 256 /* the longest, with its end */

size_t greeting_make(enum link_kind kind, const char *name, char line[GREETING_LINE]);
/* `line` has no end of line any more. NULL, or what is wrong with it. */
const char *greeting_parse(const char *line, size_t length, enum link_kind kind, char name[LINK_NAME_SIZE]);
/* Is it "ok"? Else `reason` is why not, fit to be printed. */
bool greeting_answer(const char *line, size_t length, char reason[GREETING_LINE]);

#endif
