/* The boot information page: what the kernel tells the root server. */
#pragma once

#include <sel4/constants.h>
#include <sel4/macros.h>
#include <sel4/simple_types.h>

enum seL4_RootCNodeCapSlots {
	seL4_CapNull = 0,
	seL4_CapInitThreadTCB = 1,
	seL4_CapInitThreadCNode = 2,
	seL4_CapInitThreadVSpace = 3,
	seL4_CapIRQControl = 4,
	seL4_CapASIDControl = 5,
	seL4_CapInitThreadASIDPool = 6,
	seL4_CapIOPortControl = 7,
	seL4_CapIOSpace = 8,
	seL4_CapBootInfoFrame = 9,
	seL4_CapInitThreadIPCBuffer = 10,
	seL4_CapDomain = 11,
	seL4_CapSMMUSIDControl = 12,
	seL4_CapSMMUCBControl = 13,
	seL4_CapInitThreadSC = 14,
	seL4_CapSMC = 15,
	seL4_NumInitialCaps = 16,
};
#define seL4_CapInitThreadPD seL4_CapInitThreadVSpace

typedef seL4_Word seL4_SlotPos;
typedef seL4_Word seL4_NodeId;
typedef seL4_Word seL4_Domain;

/* Slots [start, end) of the root CNode. */
typedef struct seL4_SlotRegion {
	seL4_SlotPos start;
	seL4_SlotPos end;
} seL4_SlotRegion;

/* Describes slot untyped.start + i. */
typedef struct seL4_UntypedDesc {
	seL4_Word paddr;
	seL4_Uint8 sizeBits;
	seL4_Uint8 isDevice;
	seL4_Uint8 padding[6];
} seL4_UntypedDesc;

#define CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS 230

typedef struct seL4_BootInfo {
	seL4_Word extraLen; /* bytes of extra boot information, which begins one page further */
	seL4_NodeId nodeID;
	seL4_Word numNodes;
	seL4_Word numIOPTLevels;
	union {
		struct seL4_IPCBuffer_ *ipcBuffer;
		seL4_Word ipcBufferAddress; /* the same, where C pointers may be shorter than words */
	};
	seL4_SlotRegion empty;
	seL4_SlotRegion sharedFrames;
	seL4_SlotRegion userImageFrames;
	seL4_SlotRegion userImagePaging;
	seL4_SlotRegion ioSpaceCaps;
	seL4_SlotRegion extraBIPages;
	seL4_Word initThreadCNodeSizeBits;
	seL4_Domain initThreadDomain;
	seL4_SlotRegion untyped;
	seL4_UntypedDesc untypedList[CONFIG_MAX_NUM_BOOTINFO_UNTYPED_CAPS];
} seL4_BootInfo;

SEL4_COMPILE_ASSERT(bootinfo_layout_is_fixed, sizeof(seL4_BootInfo) == 3848)

/* A chunk of extra boot information; len includes this header. */
typedef struct seL4_BootInfoHeader {
	seL4_Word id;
	seL4_Word len;
} seL4_BootInfoHeader;

#define SEL4_BOOTINFO_HEADER_PADDING 0
#define SEL4_BOOTINFO_HEADER_FDT     6
