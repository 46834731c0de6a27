/* `--code-cache`: compiled code is kept in a folder, so that it is not compiled again. doc/COMPILER.md says
 * what is trusted. */
#ifndef SKERRY_CMD_CODE_CACHE_H
#define SKERRY_CMD_CODE_CACHE_H

#include "cmd/image.h"

/* Gives the node what there is for the image. False: why has been said. */
bool code_cache_begin(struct node *node, const struct image *image, const char *folder);
/* Writes what there is, if anything is new. */
void code_cache_end(struct node *node);
/* When the node is no more. */
void code_cache_free(void);

#endif
