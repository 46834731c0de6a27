/* The key of a node. */
#ifndef SKERRY_CMD_KEY_H
#define SKERRY_CMD_KEY_H

struct identity;

/* NULL: why has been said. */
struct identity *key_load(const char *path);

#endif
