/* Object types of Untyped_Retype, and what DebugCapIdentify answers. */
#pragma once

#define SEL4_OBJECT_TYPES(X)                  \
	X(seL4_UntypedObject, 0)              \
	X(seL4_TCBObject, 1)                  \
	X(seL4_EndpointObject, 2)             \
	X(seL4_NotificationObject, 3)         \
	X(seL4_CapTableObject, 4)             \
	X(seL4_RISCV_Giga_Page, 5)            \
	X(seL4_RISCV_4K_Page, 6)              \
	X(seL4_RISCV_Mega_Page, 7)            \
	X(seL4_RISCV_PageTableObject, 8)

enum {
#define SEL4_OBJECT_ENUM(name, number) name = number,
	SEL4_OBJECT_TYPES(SEL4_OBJECT_ENUM)
#undef SEL4_OBJECT_ENUM
	seL4_NonArchObjectTypeCount = 5,
	seL4_ModeObjectTypeCount = 6,
	seL4_ObjectTypeCount = 9,
};

/* Capability types as DebugCapIdentify names them: even ones are generic, odd ones riscv64's. */
#define SEL4_CAP_TYPES(X)  \
	X(Null, 0)         \
	X(Frame, 1)        \
	X(Untyped, 2)      \
	X(PageTable, 3)    \
	X(Endpoint, 4)     \
	X(Notification, 6) \
	X(Reply, 8)        \
	X(CNode, 10)       \
	X(ASIDControl, 11) \
	X(Thread, 12)      \
	X(ASIDPool, 13)    \
	X(IRQControl, 14)  \
	X(IRQHandler, 16)  \
	X(Zombie, 18)      \
	X(Domain, 20)
