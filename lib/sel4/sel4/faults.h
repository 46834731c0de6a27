/*
 * Fault messages as values: word 0 is the fault's type, the message registers follow. The accessors
 * are made from one table of (fault, field, message register).
 */
#pragma once

#include <sel4/functions.h>
#include <sel4/types.h>

typedef seL4_FaultType seL4_Fault_tag_t;

/* Message registers of a CapFault; what stands from 4 on depends on the type of the lookup failure. */
enum seL4_CapFault_Msg {
	seL4_CapFault_IP,
	seL4_CapFault_Addr,
	seL4_CapFault_InRecvPhase,
	seL4_CapFault_LookupFailureType,
	seL4_CapFault_BitsLeft,
	seL4_CapFault_DepthMismatch_BitsFound,
	seL4_CapFault_GuardMismatch_GuardFound = seL4_CapFault_DepthMismatch_BitsFound,
	seL4_CapFault_GuardMismatch_BitsFound,
	seL4_CapFault_Length,
};

#define SEL4_FAULT_MAX_LENGTH seL4_UnknownSyscall_Length

typedef struct seL4_Fault {
	seL4_Uint64 words[1 + SEL4_FAULT_MAX_LENGTH];
} seL4_Fault_t;

#define SEL4_FAULT_FIELDS(X)                                                                                 \
	X(CapFault, IP, seL4_CapFault_IP)                                                                    \
	X(CapFault, Addr, seL4_CapFault_Addr)                                                                \
	X(CapFault, InRecvPhase, seL4_CapFault_InRecvPhase)                                                  \
	X(CapFault, LookupFailureType, seL4_CapFault_LookupFailureType)                                      \
	X(CapFault, MR4, 4)                                                                                  \
	X(CapFault, MR5, 5)                                                                                  \
	X(CapFault, MR6, 6)                                                                                  \
	X(UnknownSyscall, FaultIP, seL4_UnknownSyscall_FaultIP)                                              \
	X(UnknownSyscall, SP, seL4_UnknownSyscall_SP)                                                        \
	X(UnknownSyscall, RA, seL4_UnknownSyscall_RA)                                                        \
	X(UnknownSyscall, A0, seL4_UnknownSyscall_A0)                                                        \
	X(UnknownSyscall, A1, seL4_UnknownSyscall_A1)                                                        \
	X(UnknownSyscall, A2, seL4_UnknownSyscall_A2)                                                        \
	X(UnknownSyscall, A3, seL4_UnknownSyscall_A3)                                                        \
	X(UnknownSyscall, A4, seL4_UnknownSyscall_A4)                                                        \
	X(UnknownSyscall, A5, seL4_UnknownSyscall_A5)                                                        \
	X(UnknownSyscall, A6, seL4_UnknownSyscall_A6)                                                        \
	X(UnknownSyscall, Syscall, seL4_UnknownSyscall_Syscall)                                              \
	X(UserException, FaultIP, seL4_UserException_FaultIP)                                                \
	X(UserException, SP, seL4_UserException_SP)                                                          \
	X(UserException, Number, seL4_UserException_Number)                                                  \
	X(UserException, Code, seL4_UserException_Code)                                                      \
	X(VMFault, IP, seL4_VMFault_IP)                                                                      \
	X(VMFault, Addr, seL4_VMFault_Addr)                                                                  \
	X(VMFault, PrefetchFault, seL4_VMFault_PrefetchFault)                                                \
	X(VMFault, FSR, seL4_VMFault_FSR)

#define SEL4_FAULT_ACCESSORS(fault, field, mr)                                                               \
	static inline seL4_Uint64 seL4_Fault_##fault##_get_##field(seL4_Fault_t value)                       \
	{                                                                                                    \
		return value.words[1 + (mr)];                                                                \
	}                                                                                                    \
	static inline seL4_Uint64 seL4_Fault_##fault##_ptr_get_##field(seL4_Fault_t *value)                  \
	{                                                                                                    \
		return value->words[1 + (mr)];                                                               \
	}
SEL4_FAULT_FIELDS(SEL4_FAULT_ACCESSORS)
#undef SEL4_FAULT_ACCESSORS

static inline seL4_Fault_tag_t seL4_Fault_get_seL4_FaultType(seL4_Fault_t fault)
{
	return (seL4_Fault_tag_t)fault.words[0];
}

/* The fault whose message was just received; `tag` is what Recv returned. */
static inline seL4_Fault_t seL4_getFault(seL4_MessageInfo_t tag)
{
	seL4_Fault_t fault = {{seL4_MessageInfo_get_label(tag)}};
	seL4_Word length = seL4_MessageInfo_get_length(tag);

	for (seL4_Word i = 0; i < length && i < SEL4_FAULT_MAX_LENGTH; i++)
		fault.words[1 + i] = seL4_GetMR((int)i);
	return fault;
}

#define SEL4_FAULT_TEST(fault, number)                                                                       \
	static inline seL4_Bool seL4_is##fault##_tag(seL4_MessageInfo_t tag)                                 \
	{                                                                                                    \
		return seL4_MessageInfo_get_label(tag) == seL4_Fault_##fault;                                \
	}
SEL4_FAULTS(SEL4_FAULT_TEST)
#undef SEL4_FAULT_TEST
