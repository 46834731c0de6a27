/* Sizes and limits that every architecture shares. */
#pragma once

#include <sel4/arch/constants.h>

#define seL4_SlotBits                5
#define seL4_EndpointBits            4
#define seL4_NotificationBits        5
#define seL4_IPCBufferSizeBits       10
#define seL4_MinUntypedBits          4
#define seL4_BootInfoFrameBits       12
#define seL4_BootInfoFrameSize       (1ul << seL4_BootInfoFrameBits)

#define seL4_MinPrio                 0
#define seL4_MaxPrio                 255
#define seL4_InvalidPrio             -1

#define seL4_UntypedRetypeMaxObjects 256
#define seL4_GuardSizeBits           6
#define seL4_GuardBits               58
#define seL4_BadgeBits               64
#define seL4_CapRightsBits           4

enum seL4_MsgLimits {
	seL4_MsgLengthBits = 7,
	seL4_MsgExtraCapBits = 2,
	seL4_MsgMaxLength = 120,
};
#define seL4_MsgMaxExtraCaps ((1 << seL4_MsgExtraCapBits) - 1)

/* TCB flags (TCB_SetFlags). */
typedef enum {
	seL4_TCBFlag_NoFlag = 0,
	seL4_TCBFlag_fpuDisabled = 1,
	seL4_TCBFlag_MASK = 1,
} seL4_TCBFlag;

/* The word index of each field of an IPC buffer; the message begins at word 1. */
enum {
	seL4_IPCBufferTagWord = 0,
	seL4_IPCBufferMsgWord = 1,
	seL4_IPCBufferUserDataWord = 121,
	seL4_IPCBufferCapsWord = 122,
	seL4_IPCBufferReceiveCNodeWord = 125,
	seL4_IPCBufferReceiveIndexWord = 126,
	seL4_IPCBufferReceiveDepthWord = 127,
};
