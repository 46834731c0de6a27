/* Sizes and limits of riscv64 (Sv39), and where its fault messages keep what. */
#pragma once

#define seL4_WordBits           64
#define seL4_WordSizeBits       3
#define seL4_PageBits           12
#define seL4_LargePageBits      21
#define seL4_HugePageBits       30
#define seL4_PageTableBits      12
#define seL4_PageTableEntryBits 3
#define seL4_PageTableIndexBits 9
#define seL4_VSpaceBits         12
#define seL4_VSpaceEntryBits    3
#define seL4_VSpaceIndexBits    9
#define seL4_TCBBits            11
#define seL4_ASIDPoolBits       12
#define seL4_ASIDPoolIndexBits  9
#define seL4_NumASIDPoolsBits   7
#define seL4_MaxUntypedBits     38

/* The first address that users may not map. */
#define seL4_UserTop       0x0000003ffffff000ul
#define seL4_UserVSpaceTop (seL4_UserTop - 1)

/* Physical addresses end here: device untypeds reach up to it. */
#define seL4_PhysicalTop (1ul << 39)

/* Words of a seL4_UserContext; the first 16 are the "frame registers" of TCB_CopyRegisters. */
#define seL4_UserContextWords  32
#define seL4_FrameRegisterWords 16

typedef enum {
	seL4_VMFault_IP,
	seL4_VMFault_Addr,
	seL4_VMFault_PrefetchFault,
	seL4_VMFault_FSR,
	seL4_VMFault_Length,
} seL4_VMFault_Msg;

typedef enum {
	seL4_UnknownSyscall_FaultIP,
	seL4_UnknownSyscall_SP,
	seL4_UnknownSyscall_RA,
	seL4_UnknownSyscall_A0,
	seL4_UnknownSyscall_A1,
	seL4_UnknownSyscall_A2,
	seL4_UnknownSyscall_A3,
	seL4_UnknownSyscall_A4,
	seL4_UnknownSyscall_A5,
	seL4_UnknownSyscall_A6,
	seL4_UnknownSyscall_Syscall,
	seL4_UnknownSyscall_Length,
} seL4_UnknownSyscall_Msg;

typedef enum {
	seL4_UserException_FaultIP,
	seL4_UserException_SP,
	seL4_UserException_Number,
	seL4_UserException_Code,
	seL4_UserException_Length,
} seL4_UserException_Msg;

typedef enum {
	seL4_RISCV_Default_VMAttributes = 0,
	seL4_RISCV_ExecuteNever = 1,
} seL4_RISCV_VMAttributes;
