/* After a failed Page_Map (FailedLookup): how many address bits had no table. */
#pragma once

#include <sel4/functions.h>

#define SEL4_MAPPING_LOOKUP_LEVEL 2
#define SEL4_MAPPING_LOOKUP_NO_PT 21

static inline seL4_Word seL4_MappingFailedLookupLevel(void)
{
	return seL4_GetMR(SEL4_MAPPING_LOOKUP_LEVEL);
}
