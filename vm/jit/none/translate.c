/* No compiler: all is interpreted. */
#include "vm/jit/jit.h"

bool vm_translator_usable(void)
{
	return false;
}

void vm_translator_features(uint64_t features[TRANSLATOR_FEATURES])
{
	(void)features;
}

bool vm_translator_begin(struct jit *jit)
{
	(void)jit;
	return true;
}

void vm_translator_end(struct jit *jit)
{
	(void)jit;
}

void vm_compile(struct jit *jit, struct code *code)
{
	(void)jit;
	(void)code;
}

void vm_compile_region(struct jit *jit, struct region *region)
{
	(void)jit;
	(void)region;
}

void vm_translator_aim(struct link_site *link, const uint8_t *target)
{
	(void)link;
	(void)target;
}

void vm_translator_replace(struct jit *jit, struct region *region)
{
	(void)jit;
	(void)region;
}

void vm_translator_restore(struct jit *jit, struct region *region)
{
	(void)jit;
	(void)region;
}
