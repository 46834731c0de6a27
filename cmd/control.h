/* `--control`, by which a run can be asked what is in it, and `skerry ps` and `skerry caps`, which ask. */
#ifndef SKERRY_CMD_CONTROL_H
#define SKERRY_CMD_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

/* False: why has been said. */
bool control_begin(const char *path);
/* Answers who asks, if somebody does; never waits. `node` NULL: it runs under QEMU. */
void control_turn(struct node *node);
void control_end(void);
/* How long one may sleep without being asked in vain, ns. */
uint64_t control_sleep(uint64_t wanted);

#define CONTROL_OK "ok\n" /* a good answer begins so; any other is a line that says why not */

/* Of an answer, which may be NULL: what is behind CONTROL_OK. NULL: it is not good. */
const char *control_good(const char *answer, size_t size);

#endif
