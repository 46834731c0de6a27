/* What lies in memory that kernel and user share: the IPC buffer. */
#pragma once

#include <sel4/constants.h>
#include <sel4/macros.h>
#include <sel4/simple_types.h>

typedef struct seL4_IPCBuffer_ {
	seL4_Word tag; /* a seL4_MessageInfo_t; the kernel never looks at it */
	seL4_Word msg[seL4_MsgMaxLength];
	seL4_Word userData;
	seL4_Word caps_or_badges[seL4_MsgMaxExtraCaps];
	seL4_CPtr receiveCNode;
	seL4_CPtr receiveIndex;
	seL4_Word receiveDepth;
} seL4_IPCBuffer __attribute__((aligned(1 << seL4_IPCBufferSizeBits)));

SEL4_COMPILE_ASSERT(ipc_buffer_is_1_KiB, sizeof(seL4_IPCBuffer) == 1 << seL4_IPCBufferSizeBits)
