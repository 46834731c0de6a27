/* A root server that says what model of machine its device tree describes. Run by test/cli/ends.c. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <skerry/machine.h>

/* The value of the first property that is called `model`. (Devicetree Specification, chapter 5) */
static const char *model(const uint32_t *tree)
{
	const char *base = (const char *)tree, *strings = base + __builtin_bswap32(tree[3]);
	const uint32_t *token = (const uint32_t *)(base + __builtin_bswap32(tree[2]));
	const uint32_t *end = (const uint32_t *)(base + __builtin_bswap32(tree[1]));

	for (; token < end; token++)
		if (__builtin_bswap32(*token) == 3 &&
		    strcmp(strings + __builtin_bswap32(token[2]), "model") == 0)
			return (const char *)(token + 3);
	return "none";
}

int main(void)
{
	printf("model: %s\n", model(sk_device_tree()));
	return 0;
}
