/*
 * A thread's IPC buffer, seen from its own program. The pointer is thread-local: whoever starts a
 * thread sets it before anything else (lib/crt for the first, skerry/thread.h for the others).
 */
#pragma once

#include <sel4/macros.h>
#include <sel4/types.h>

extern LIBSEL4_THREAD_LOCAL seL4_IPCBuffer *__sel4_ipc_buffer;

static inline void seL4_SetIPCBuffer(seL4_IPCBuffer *buffer)
{
	__sel4_ipc_buffer = buffer;
}

static inline seL4_IPCBuffer *seL4_GetIPCBuffer(void)
{
	return __sel4_ipc_buffer;
}

static inline seL4_Word seL4_GetMR(int i)
{
	return __sel4_ipc_buffer->msg[i];
}

static inline void seL4_SetMR(int i, seL4_Word value)
{
	__sel4_ipc_buffer->msg[i] = value;
}

static inline seL4_Word seL4_GetUserData(void)
{
	return __sel4_ipc_buffer->userData;
}

static inline void seL4_SetUserData(seL4_Word data)
{
	__sel4_ipc_buffer->userData = data;
}

/* Of a received message: the badge of an unwrapped capability. Of one to be sent: a capability. */
static inline seL4_Word seL4_GetBadge(int i)
{
	return __sel4_ipc_buffer->caps_or_badges[i];
}

static inline seL4_CPtr seL4_GetCap(int i)
{
	return __sel4_ipc_buffer->caps_or_badges[i];
}

static inline void seL4_SetCap(int i, seL4_CPtr cap)
{
	__sel4_ipc_buffer->caps_or_badges[i] = cap;
}

static inline void seL4_SetCapReceivePath(seL4_CPtr root, seL4_CPtr index, seL4_Word depth)
{
	__sel4_ipc_buffer->receiveCNode = root;
	__sel4_ipc_buffer->receiveIndex = index;
	__sel4_ipc_buffer->receiveDepth = depth;
}

static inline void seL4_GetCapReceivePath(seL4_CPtr *root, seL4_CPtr *index, seL4_Word *depth)
{
	if (root)
		*root = __sel4_ipc_buffer->receiveCNode;
	if (index)
		*index = __sel4_ipc_buffer->receiveIndex;
	if (depth)
		*depth = __sel4_ipc_buffer->receiveDepth;
}
