/* The message information word (types.md §1). */
#pragma once

#include <sel4/constants.h>

#include "kernel/core/types.h"
#include "port/isa.h"

#define INFO_LENGTH_MASK  127ull
#define INFO_LABEL_SHIFT  12
#define INFO_EXTRA_SHIFT  7
#define INFO_UNWRAP_SHIFT 9

/* The length a sender asks for: anything above the maximum means the maximum. */
static inline unsigned info_length(uint64_t info)
{
	unsigned length = (unsigned)(info & INFO_LENGTH_MASK);

	return length > seL4_MsgMaxLength ? seL4_MsgMaxLength : length;
}

static inline unsigned info_extra_caps(uint64_t info)
{
	return (unsigned)(info >> INFO_EXTRA_SHIFT) & 3;
}

static inline uint64_t info_label(uint64_t info)
{
	return info >> INFO_LABEL_SHIFT;
}

/*
 * A message that consists of registers: neither longer nor with capabilities, nor with anything else in
 * the fields that transfer clears, so that the receiver gets the information word as it is.
 */
static inline bool message_is_short(uint64_t info)
{
	return (info & ((1ull << INFO_LABEL_SHIFT) - 1)) <= ISA_MESSAGE_REGISTERS;
}

static inline uint64_t info_make(uint64_t label, unsigned unwrapped, unsigned extra_caps, unsigned length)
{
	return label << INFO_LABEL_SHIFT | (uint64_t)unwrapped << INFO_UNWRAP_SHIFT |
	       (uint64_t)extra_caps << INFO_EXTRA_SHIFT | length;
}
