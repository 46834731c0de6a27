/*
 * System call numbers of the classic (non-MCS) interface. Written once, as tables; the kernel's
 * dispatch, the user stubs and the tracer's names are all made from them.
 */
#pragma once

/* The interface proper: every kernel has these eight. */
#define SEL4_SYSCALLS(X) \
	X(Call, -1)      \
	X(ReplyRecv, -2) \
	X(Send, -3)      \
	X(NBSend, -4)    \
	X(Recv, -5)      \
	X(Reply, -6)     \
	X(Yield, -7)     \
	X(NBRecv, -8)

/* Numbered as if all existed; which do is a matter of the profile (see kernel/core/profile.c). */
#define SEL4_DEBUG_SYSCALLS(X)                       \
	X(DebugPutChar, -9)                          \
	X(DebugDumpScheduler, -10)                   \
	X(DebugHalt, -11)                            \
	X(DebugCapIdentify, -12)                     \
	X(DebugSnapshot, -13)                        \
	X(DebugNameThread, -14)                      \
	X(DebugSendIPI, -15)                         \
	X(DebugGetThreadAffinity, -16)               \
	X(DebugRun, -17)                             \
	X(BenchmarkFlushCaches, -18)                 \
	X(BenchmarkResetLog, -19)                    \
	X(BenchmarkFinalizeLog, -20)                 \
	X(BenchmarkSetLogBuffer, -21)                \
	X(BenchmarkNullSyscall, -22)                 \
	X(BenchmarkGetThreadUtilisation, -23)        \
	X(BenchmarkResetThreadUtilisation, -24)      \
	X(BenchmarkDumpAllThreadsUtilisation, -25)   \
	X(BenchmarkResetAllThreadsUtilisation, -26)

typedef enum {
#define SEL4_SYSCALL_ENUM(name, number) seL4_Sys##name = number,
	SEL4_SYSCALLS(SEL4_SYSCALL_ENUM) SEL4_DEBUG_SYSCALLS(SEL4_SYSCALL_ENUM)
#undef SEL4_SYSCALL_ENUM
} seL4_Syscall_ID;
