/*
 * Invocation labels, in the order in which they are numbered from 0. A label whose condition does
 * not hold takes no number, so all after it shift: the enumeration below is that of the usual build
 * (classic, one core, no hardware debug interface); the kernel derives the numbers of the profile it
 * was booted with from the same table.
 */
#pragma once

/* X(name, condition): a condition is one of the words below. */
#define SEL4_LABEL_ALWAYS    0
#define SEL4_LABEL_CLASSIC   1 /* not MCS */
#define SEL4_LABEL_SMP       2 /* classic and more than one core configured */
#define SEL4_LABEL_DEBUG_API 3 /* hardware breakpoints */
#define SEL4_LABEL_MCS       4

#define SEL4_LABELS(X)                                   \
	X(InvalidInvocation, ALWAYS)                     \
	X(UntypedRetype, ALWAYS)                         \
	X(TCBReadRegisters, ALWAYS)                      \
	X(TCBWriteRegisters, ALWAYS)                     \
	X(TCBCopyRegisters, ALWAYS)                      \
	X(TCBConfigure, ALWAYS)                          \
	X(TCBSetPriority, ALWAYS)                        \
	X(TCBSetMCPriority, ALWAYS)                      \
	X(TCBSetSchedParams, ALWAYS)                     \
	X(TCBSetTimeoutEndpoint, MCS)                    \
	X(TCBSetIPCBuffer, ALWAYS)                       \
	X(TCBSetSpace, ALWAYS)                           \
	X(TCBSuspend, ALWAYS)                            \
	X(TCBResume, ALWAYS)                             \
	X(TCBBindNotification, ALWAYS)                   \
	X(TCBUnbindNotification, ALWAYS)                 \
	X(TCBSetAffinity, SMP)                           \
	X(TCBSetBreakpoint, DEBUG_API)                   \
	X(TCBGetBreakpoint, DEBUG_API)                   \
	X(TCBUnsetBreakpoint, DEBUG_API)                 \
	X(TCBConfigureSingleStepping, DEBUG_API)         \
	X(TCBSetTLSBase, ALWAYS)                         \
	X(TCBSetFlags, ALWAYS)                           \
	X(CNodeRevoke, ALWAYS)                           \
	X(CNodeDelete, ALWAYS)                           \
	X(CNodeCancelBadgedSends, ALWAYS)                \
	X(CNodeCopy, ALWAYS)                             \
	X(CNodeMint, ALWAYS)                             \
	X(CNodeMove, ALWAYS)                             \
	X(CNodeMutate, ALWAYS)                           \
	X(CNodeRotate, ALWAYS)                           \
	X(CNodeSaveCaller, CLASSIC)                      \
	X(IRQIssueIRQHandler, ALWAYS)                    \
	X(IRQAckIRQ, ALWAYS)                             \
	X(IRQSetIRQHandler, ALWAYS)                      \
	X(IRQClearIRQHandler, ALWAYS)                    \
	X(DomainSetSet, ALWAYS)                          \
	X(DomainScheduleConfigure, ALWAYS)               \
	X(DomainScheduleSetStart, ALWAYS)                \
	X(SchedControlConfigureFlags, MCS)               \
	X(SchedContextBind, MCS)                         \
	X(SchedContextUnbind, MCS)                       \
	X(SchedContextUnbindObject, MCS)                 \
	X(SchedContextConsumed, MCS)                     \
	X(SchedContextYieldTo, MCS)

#define SEL4_LABELS_RISCV64(X)                           \
	X(RISCVPageTableMap, ALWAYS)                     \
	X(RISCVPageTableUnmap, ALWAYS)                   \
	X(RISCVPageMap, ALWAYS)                          \
	X(RISCVPageUnmap, ALWAYS)                        \
	X(RISCVPageGetAddress, ALWAYS)                   \
	X(RISCVASIDControlMakePool, ALWAYS)              \
	X(RISCVASIDPoolAssign, ALWAYS)                   \
	X(RISCVIRQIssueIRQHandlerTrigger, ALWAYS)

enum invocation_label {
	/* A label of condition ALWAYS or CLASSIC has a number here; the others have none. */
#define SEL4_LABEL_IF_ALWAYS(name)    name,
#define SEL4_LABEL_IF_CLASSIC(name)   name,
#define SEL4_LABEL_IF_SMP(name)
#define SEL4_LABEL_IF_DEBUG_API(name)
#define SEL4_LABEL_IF_MCS(name)
#define SEL4_LABEL_ENUM(name, condition) SEL4_LABEL_IF_##condition(name)
	SEL4_LABELS(SEL4_LABEL_ENUM)
	nInvocationLabels
};

enum arch_invocation_label {
	SEL4_ARCH_LABEL_BEFORE_FIRST = nInvocationLabels - 1,
	SEL4_LABELS_RISCV64(SEL4_LABEL_ENUM)
	nArchInvocationLabels
};
#undef SEL4_LABEL_IF_ALWAYS
#undef SEL4_LABEL_IF_CLASSIC
#undef SEL4_LABEL_IF_SMP
#undef SEL4_LABEL_IF_DEBUG_API
#undef SEL4_LABEL_IF_MCS
#undef SEL4_LABEL_ENUM
