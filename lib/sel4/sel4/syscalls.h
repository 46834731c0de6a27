/*
 * The system calls. Each comes in two forms: the plain one takes the first four message registers
 * from the IPC buffer and puts them back there, the one ending in WithMRs takes pointers to them
 * (null: not wanted) and leaves the buffer's first four words alone. Words from the fifth on are in
 * the IPC buffer in either form.
 */
#pragma once

#include <sel4/arch/syscalls.h>
#include <sel4/functions.h>
#include <sel4/macros.h>
#include <sel4/types.h>

/* --- how messages get into registers and out again --------------------------------------------- */

static inline __attribute__((always_inline)) struct sel4_registers sel4_from_buffer(seL4_CPtr cap,
										    seL4_MessageInfo_t info)
{
	return (struct sel4_registers){
		cap, info.words[0], {seL4_GetMR(0), seL4_GetMR(1), seL4_GetMR(2), seL4_GetMR(3)}};
}

/* A pointer counts only if it is there and the message is long enough to hold its word. */
static inline __attribute__((always_inline)) struct sel4_registers
sel4_from_pointers(seL4_CPtr cap, seL4_MessageInfo_t info, const seL4_Word *mr0, const seL4_Word *mr1,
		   const seL4_Word *mr2, const seL4_Word *mr3)
{
	seL4_Word length = seL4_MessageInfo_get_length(info);

	return (struct sel4_registers){cap,
				       info.words[0],
				       {mr0 && length > 0 ? *mr0 : 0, mr1 && length > 1 ? *mr1 : 0,
					mr2 && length > 2 ? *mr2 : 0, mr3 && length > 3 ? *mr3 : 0}};
}

static inline __attribute__((always_inline)) seL4_MessageInfo_t sel4_to_buffer(struct sel4_registers r,
									       seL4_Word *sender)
{
	/* Not a loop: gcc would make it a call of memcpy. */
	seL4_SetMR(0, r.mr[0]);
	seL4_SetMR(1, r.mr[1]);
	seL4_SetMR(2, r.mr[2]);
	seL4_SetMR(3, r.mr[3]);
	if (sender)
		*sender = r.cap_or_badge;
	return (seL4_MessageInfo_t){{r.info}};
}

static inline __attribute__((always_inline)) seL4_MessageInfo_t
sel4_to_pointers(struct sel4_registers r, seL4_Word *sender, seL4_Word *mr0, seL4_Word *mr1, seL4_Word *mr2,
		 seL4_Word *mr3)
{
	if (mr0)
		*mr0 = r.mr[0];
	if (mr1)
		*mr1 = r.mr[1];
	if (mr2)
		*mr2 = r.mr[2];
	if (mr3)
		*mr3 = r.mr[3];
	if (sender)
		*sender = r.cap_or_badge;
	return (seL4_MessageInfo_t){{r.info}};
}

/* --- sending ----------------------------------------------------------------------------------- */

static inline void seL4_Send(seL4_CPtr dest, seL4_MessageInfo_t info)
{
	struct sel4_registers r = sel4_from_buffer(dest, info);
	sel4_trap(seL4_SysSend, &r);
}

static inline void seL4_SendWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info, seL4_Word *mr0, seL4_Word *mr1,
				    seL4_Word *mr2, seL4_Word *mr3)
{
	struct sel4_registers r = sel4_from_pointers(dest, info, mr0, mr1, mr2, mr3);
	sel4_trap(seL4_SysSend, &r);
}

static inline void seL4_NBSend(seL4_CPtr dest, seL4_MessageInfo_t info)
{
	struct sel4_registers r = sel4_from_buffer(dest, info);
	sel4_trap(seL4_SysNBSend, &r);
}

static inline void seL4_NBSendWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info, seL4_Word *mr0, seL4_Word *mr1,
				      seL4_Word *mr2, seL4_Word *mr3)
{
	struct sel4_registers r = sel4_from_pointers(dest, info, mr0, mr1, mr2, mr3);
	sel4_trap(seL4_SysNBSend, &r);
}

static inline void seL4_Reply(seL4_MessageInfo_t info)
{
	struct sel4_registers r = sel4_from_buffer(0, info);
	sel4_trap(seL4_SysReply, &r);
}

static inline void seL4_ReplyWithMRs(seL4_MessageInfo_t info, seL4_Word *mr0, seL4_Word *mr1, seL4_Word *mr2,
				     seL4_Word *mr3)
{
	struct sel4_registers r = sel4_from_pointers(0, info, mr0, mr1, mr2, mr3);
	sel4_trap(seL4_SysReply, &r);
}

/* A notification takes no message. */
static inline void seL4_Signal(seL4_CPtr dest)
{
	struct sel4_registers r = {dest, 0, {0}};
	sel4_trap(seL4_SysSend, &r);
}

/* --- receiving --------------------------------------------------------------------------------- */

static inline seL4_MessageInfo_t seL4_Recv(seL4_CPtr src, seL4_Word *sender)
{
	struct sel4_registers r = {src, 0, {0}};
	sel4_trap(seL4_SysRecv, &r);
	return sel4_to_buffer(r, sender);
}

static inline seL4_MessageInfo_t seL4_RecvWithMRs(seL4_CPtr src, seL4_Word *sender, seL4_Word *mr0,
						  seL4_Word *mr1, seL4_Word *mr2, seL4_Word *mr3)
{
	struct sel4_registers r =
		sel4_from_pointers(src, seL4_MessageInfo_new(0, 0, 0, SEL4_FAST_MRS), mr0, mr1, mr2, mr3);
	sel4_trap(seL4_SysRecv, &r);
	return sel4_to_pointers(r, sender, mr0, mr1, mr2, mr3);
}

/* Nothing there: the badge is 0, and the message info means nothing. */
static inline seL4_MessageInfo_t seL4_NBRecv(seL4_CPtr src, seL4_Word *sender)
{
	struct sel4_registers r = {src, 0, {0}};
	sel4_trap(seL4_SysNBRecv, &r);
	return sel4_to_buffer(r, sender);
}

/* Wait and Poll are what Recv and NBRecv are called on a notification. */
static inline void seL4_Wait(seL4_CPtr src, seL4_Word *sender)
{
	seL4_Recv(src, sender);
}

static inline seL4_MessageInfo_t seL4_Poll(seL4_CPtr src, seL4_Word *sender)
{
	return seL4_NBRecv(src, sender);
}

/* --- both -------------------------------------------------------------------------------------- */

static inline seL4_MessageInfo_t seL4_Call(seL4_CPtr dest, seL4_MessageInfo_t info)
{
	struct sel4_registers r = sel4_from_buffer(dest, info);
	sel4_trap(seL4_SysCall, &r);
	return sel4_to_buffer(r, 0);
}

static inline seL4_MessageInfo_t seL4_CallWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info, seL4_Word *mr0,
						  seL4_Word *mr1, seL4_Word *mr2, seL4_Word *mr3)
{
	struct sel4_registers r = sel4_from_pointers(dest, info, mr0, mr1, mr2, mr3);
	sel4_trap(seL4_SysCall, &r);
	return sel4_to_pointers(r, 0, mr0, mr1, mr2, mr3);
}

static inline seL4_MessageInfo_t seL4_ReplyRecv(seL4_CPtr src, seL4_MessageInfo_t info, seL4_Word *sender)
{
	struct sel4_registers r = sel4_from_buffer(src, info);
	sel4_trap(seL4_SysReplyRecv, &r);
	return sel4_to_buffer(r, sender);
}

static inline seL4_MessageInfo_t seL4_ReplyRecvWithMRs(seL4_CPtr src, seL4_MessageInfo_t info,
						       seL4_Word *sender, seL4_Word *mr0, seL4_Word *mr1,
						       seL4_Word *mr2, seL4_Word *mr3)
{
	struct sel4_registers r = sel4_from_pointers(src, info, mr0, mr1, mr2, mr3);
	sel4_trap(seL4_SysReplyRecv, &r);
	return sel4_to_pointers(r, sender, mr0, mr1, mr2, mr3);
}

/* --- calls without a message: one word in, one word out ------------------------------------------- */

static inline seL4_Word sel4_plain(seL4_Syscall_ID number, seL4_Word argument)
{
	struct sel4_registers r = {argument, 0, {0}};
	sel4_trap(number, &r);
	return r.cap_or_badge;
}

static inline void seL4_Yield(void)
{
	sel4_plain(seL4_SysYield, 0);
}

/* --- debugging: on a kernel without these calls each is an UnknownSyscall fault ---------------- */

static inline void seL4_DebugPutChar(char c)
{
	sel4_plain(seL4_SysDebugPutChar, (unsigned char)c);
}

static inline void seL4_DebugPutString(const char *text)
{
	while (*text)
		seL4_DebugPutChar(*text++);
}

static inline void seL4_DebugDumpScheduler(void)
{
	sel4_plain(seL4_SysDebugDumpScheduler, 0);
}

static inline void seL4_DebugHalt(void)
{
	sel4_plain(seL4_SysDebugHalt, 0);
}

static inline void seL4_DebugSnapshot(void)
{
	sel4_plain(seL4_SysDebugSnapshot, 0);
}

static inline seL4_Uint32 seL4_DebugCapIdentify(seL4_CPtr cap)
{
	return (seL4_Uint32)sel4_plain(seL4_SysDebugCapIdentify, cap);
}

/* The name travels as a string in the IPC buffer's message words. */
static inline void seL4_DebugNameThread(seL4_CPtr tcb, const char *name)
{
	char *to = (char *)seL4_GetIPCBuffer()->msg;

	while ((*to++ = *name++))
		;
	sel4_plain(seL4_SysDebugNameThread, tcb);
}

/* --- measuring: only on kernels built for benchmarks --------------------------------------------- */

static inline seL4_Error seL4_BenchmarkResetLog(void)
{
	return (seL4_Error)sel4_plain(seL4_SysBenchmarkResetLog, 0);
}

static inline seL4_Word seL4_BenchmarkFinalizeLog(void)
{
	return sel4_plain(seL4_SysBenchmarkFinalizeLog, 0);
}

static inline seL4_Error seL4_BenchmarkSetLogBuffer(seL4_Word frame)
{
	return (seL4_Error)sel4_plain(seL4_SysBenchmarkSetLogBuffer, frame);
}

static inline void seL4_BenchmarkNullSyscall(void)
{
	sel4_plain(seL4_SysBenchmarkNullSyscall, 0);
}

static inline void seL4_BenchmarkFlushCaches(void)
{
	sel4_plain(seL4_SysBenchmarkFlushCaches, 0);
}

/* The numbers are in the IPC buffer's message words afterwards (not in message registers). */
static inline void seL4_BenchmarkGetThreadUtilisation(seL4_Word tcb)
{
	sel4_plain(seL4_SysBenchmarkGetThreadUtilisation, tcb);
}

static inline void seL4_BenchmarkResetThreadUtilisation(seL4_Word tcb)
{
	sel4_plain(seL4_SysBenchmarkResetThreadUtilisation, tcb);
}

static inline void seL4_BenchmarkDumpAllThreadsUtilisation(void)
{
	sel4_plain(seL4_SysBenchmarkDumpAllThreadsUtilisation, 0);
}

static inline void seL4_BenchmarkResetAllThreadsUtilisation(void)
{
	sel4_plain(seL4_SysBenchmarkResetAllThreadsUtilisation, 0);
}
