/*
 * The words that carry structure (message info, rights, CNode guards) and the names of capability
 * types. A field of a word is described once, by SEL4_FIELD; its four accessors follow from that.
 */
#pragma once

#include <sel4/arch/types.h>
#include <sel4/constants.h>
#include <sel4/errors.h>
#include <sel4/macros.h>
#include <sel4/objecttype.h>
#include <sel4/shared_types.h>
#include <sel4/simple_types.h>
#include <sel4/syscall.h>

typedef seL4_CPtr seL4_CNode;
typedef seL4_CPtr seL4_IRQHandler;
typedef seL4_CPtr seL4_IRQControl;
typedef seL4_CPtr seL4_TCB;
typedef seL4_CPtr seL4_Untyped;
typedef seL4_CPtr seL4_DomainSet;
typedef seL4_CPtr seL4_SchedContext; /* MCS only, as the next two; programs for both name them */
typedef seL4_CPtr seL4_SchedControl;
typedef struct seL4_SchedContext_Consumed {
	int error;
	seL4_Time consumed;
} seL4_SchedContext_Consumed_t;
typedef seL4_Word seL4_PAddr;
typedef seL4_Word seL4_ObjectType;
typedef seL4_Word api_object_t;
typedef seL4_Word object_t;

#define seL4_NilData                       0

#define SEL4_FIELD_MASK(width)             ((1ull << (width)) - 1)
#define SEL4_FIELD_PUT(value, low, width)  (((seL4_Uint64)(value)&SEL4_FIELD_MASK(width)) << (low))
#define SEL4_FIELD_GET(word, low, width)   (((word) >> (low)) & SEL4_FIELD_MASK(width))
#define SEL4_FIELD_CLEAR(word, low, width) ((word) & ~(SEL4_FIELD_MASK(width) << (low)))

#define SEL4_FIELD(type, field, low, width)                                                                  \
	static inline seL4_Uint64 type##_get_##field(type##_t value)                                         \
	{                                                                                                    \
		return SEL4_FIELD_GET(value.words[0], low, width);                                           \
	}                                                                                                    \
	static inline type##_t type##_set_##field(type##_t value, seL4_Uint64 content)                       \
	{                                                                                                    \
		value.words[0] =                                                                             \
			SEL4_FIELD_CLEAR(value.words[0], low, width) | SEL4_FIELD_PUT(content, low, width);  \
		return value;                                                                                \
	}                                                                                                    \
	static inline seL4_Uint64 type##_ptr_get_##field(type##_t *value)                                    \
	{                                                                                                    \
		return type##_get_##field(*value);                                                           \
	}                                                                                                    \
	static inline void type##_ptr_set_##field(type##_t *value, seL4_Uint64 content)                      \
	{                                                                                                    \
		*value = type##_set_##field(*value, content);                                                \
	}

/* Message info: label 63..12 | capsUnwrapped 11..9 | extraCaps 8..7 | length 6..0. */
typedef struct seL4_MessageInfo {
	seL4_Uint64 words[1];
} seL4_MessageInfo_t;

SEL4_FIELD(seL4_MessageInfo, label, 12, 52)
SEL4_FIELD(seL4_MessageInfo, capsUnwrapped, 9, 3)
SEL4_FIELD(seL4_MessageInfo, extraCaps, 7, 2)
SEL4_FIELD(seL4_MessageInfo, length, 0, 7)

static inline seL4_MessageInfo_t seL4_MessageInfo_new(seL4_Uint64 label, seL4_Uint64 capsUnwrapped,
						      seL4_Uint64 extraCaps, seL4_Uint64 length)
{
	return (seL4_MessageInfo_t){{SEL4_FIELD_PUT(label, 12, 52) | SEL4_FIELD_PUT(capsUnwrapped, 9, 3) |
				     SEL4_FIELD_PUT(extraCaps, 7, 2) | SEL4_FIELD_PUT(length, 0, 7)}};
}

static inline void seL4_MessageInfo_ptr_new(seL4_MessageInfo_t *info, seL4_Uint64 label,
					    seL4_Uint64 capsUnwrapped, seL4_Uint64 extraCaps,
					    seL4_Uint64 length)
{
	*info = seL4_MessageInfo_new(label, capsUnwrapped, extraCaps, length);
}

/* Rights: grantReply 3 | grant 2 | read 1 | write 0. */
typedef struct seL4_CapRights {
	seL4_Uint64 words[1];
} seL4_CapRights_t;

SEL4_FIELD(seL4_CapRights, capAllowGrantReply, 3, 1)
SEL4_FIELD(seL4_CapRights, capAllowGrant, 2, 1)
SEL4_FIELD(seL4_CapRights, capAllowRead, 1, 1)
SEL4_FIELD(seL4_CapRights, capAllowWrite, 0, 1)

static inline seL4_CapRights_t seL4_CapRights_new(seL4_Uint64 grantReply, seL4_Uint64 grant, seL4_Uint64 read,
						  seL4_Uint64 write)
{
	return (seL4_CapRights_t){{SEL4_FIELD_PUT(grantReply, 3, 1) | SEL4_FIELD_PUT(grant, 2, 1) |
				   SEL4_FIELD_PUT(read, 1, 1) | SEL4_FIELD_PUT(write, 0, 1)}};
}

#define seL4_AllRights     seL4_CapRights_new(1, 1, 1, 1)
#define seL4_ReadWrite     seL4_CapRights_new(0, 0, 1, 1)
#define seL4_CanRead       seL4_CapRights_new(0, 0, 1, 0)
#define seL4_CanWrite      seL4_CapRights_new(0, 0, 0, 1)
#define seL4_CanGrant      seL4_CapRights_new(0, 1, 0, 0)
#define seL4_CanGrantReply seL4_CapRights_new(1, 0, 0, 0)
#define seL4_NoWrite       seL4_CapRights_new(1, 1, 1, 0)
#define seL4_NoRead        seL4_CapRights_new(1, 1, 0, 1)
#define seL4_NoRights      seL4_CapRights_new(0, 0, 0, 0)

/* The data word of a CNode capability: guard 63..6 | guardSize 5..0. */
typedef struct seL4_CNode_CapData {
	seL4_Uint64 words[1];
} seL4_CNode_CapData_t;

SEL4_FIELD(seL4_CNode_CapData, guard, 6, 58)
SEL4_FIELD(seL4_CNode_CapData, guardSize, 0, 6)

static inline seL4_CNode_CapData_t seL4_CNode_CapData_new(seL4_Uint64 guard, seL4_Uint64 guardSize)
{
	return (seL4_CNode_CapData_t){{SEL4_FIELD_PUT(guard, 6, 58) | SEL4_FIELD_PUT(guardSize, 0, 6)}};
}
