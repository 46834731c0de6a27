/* Error codes (the label of an error reply), lookup failures and fault types. */
#pragma once

#define SEL4_ERRORS(X)          \
	X(NoError, 0)           \
	X(InvalidArgument, 1)   \
	X(InvalidCapability, 2) \
	X(IllegalOperation, 3)  \
	X(RangeError, 4)        \
	X(AlignmentError, 5)    \
	X(FailedLookup, 6)      \
	X(TruncatedMessage, 7)  \
	X(DeleteFirst, 8)       \
	X(RevokeFirst, 9)       \
	X(NotEnoughMemory, 10)

typedef enum {
#define SEL4_ERROR_ENUM(name, number) seL4_##name = number,
	SEL4_ERRORS(SEL4_ERROR_ENUM)
#undef SEL4_ERROR_ENUM
	seL4_NumErrors
} seL4_Error;

#define SEL4_LOOKUP_FAILURES(X) \
	X(NoFailure, 0)         \
	X(InvalidRoot, 1)       \
	X(MissingCapability, 2) \
	X(DepthMismatch, 3)     \
	X(GuardMismatch, 4)

typedef enum {
#define SEL4_LOOKUP_ENUM(name, number) seL4_##name = number,
	SEL4_LOOKUP_FAILURES(SEL4_LOOKUP_ENUM)
#undef SEL4_LOOKUP_ENUM
} seL4_LookupFailureType;

/* Labels of fault messages. 4 is DebugException, which builds without that interface do not use. */
#define SEL4_FAULTS(X)       \
	X(NullFault, 0)      \
	X(CapFault, 1)       \
	X(UnknownSyscall, 2) \
	X(UserException, 3)  \
	X(VMFault, 5)

typedef enum {
#define SEL4_FAULT_ENUM(name, number) seL4_Fault_##name = number,
	SEL4_FAULTS(SEL4_FAULT_ENUM)
#undef SEL4_FAULT_ENUM
} seL4_FaultType;
