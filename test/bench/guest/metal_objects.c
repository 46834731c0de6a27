/* Objects and capabilities: made, copied, deleted, mapped. */
#include "metal.h"

#include <skerry/check.h>
#include <skerry/object.h>
#include <skerry/vspace.h>

#define ROOT seL4_CapInitThreadCNode

/* SAMPLES times: what must be done first, the call that is counted, what must be done afterwards. */
#define REPORT_CALL(name, first, counted, afterwards)                                                        \
	do {                                                                                                 \
		seL4_Word samples_[SAMPLES], error_ = 0;                                                     \
		for (unsigned i = 0; i < SAMPLES; i++) {                                                     \
			first;                                                                               \
			seL4_Word before_ = instret();                                                       \
			error_ |= (counted);                                                                 \
			samples_[i] = between(before_, instret());                                           \
			afterwards;                                                                          \
		}                                                                                            \
		sk_must((seL4_Error)error_);                                                                 \
		report(name, samples_);                                                                      \
	} while (0)

/* One object after the other out of the same untyped memory, which has children already. */
static inline __attribute__((always_inline)) void retype(const char *name, seL4_Word type, seL4_Word size_bits)
{
	seL4_CPtr untyped = sk_untyped_new(sk_object_bits(type, size_bits) + 6);
	seL4_CPtr slot = sk_slots_new(SAMPLES + 1);

	sk_must(seL4_Untyped_Retype(untyped, type, size_bits, ROOT, 0, 0, slot + SAMPLES, 1));
	REPORT_CALL(name, , seL4_Untyped_Retype(untyped, type, size_bits, ROOT, 0, 0, slot + i, 1), );
}

/* The frames fill the memory, and were there before: it must be cleared. */
static void retype_frames(void)
{
	enum { FRAMES_BITS = 6 };
	seL4_CPtr untyped = sk_untyped_new(seL4_PageBits + FRAMES_BITS);
	seL4_CPtr slot = sk_slots_new(1 << FRAMES_BITS);

	sk_must(seL4_Untyped_Retype(untyped, seL4_RISCV_4K_Page, 0, ROOT, 0, 0, slot, 1 << FRAMES_BITS));
	REPORT_CALL("retype-frames", sk_must(seL4_CNode_Revoke(ROOT, untyped, SK_DEPTH)),
		    seL4_Untyped_Retype(untyped, seL4_RISCV_4K_Page, 0, ROOT, 0, 0, slot, 1 << FRAMES_BITS), );
}

static void capabilities(void)
{
	seL4_CPtr endpoint = sk_endpoint_new(), copy = sk_slot_new();

#define COPY   seL4_CNode_Copy(ROOT, copy, SK_DEPTH, ROOT, endpoint, SK_DEPTH, seL4_AllRights)
#define DELETE seL4_CNode_Delete(ROOT, copy, SK_DEPTH)
	REPORT_CALL("copy", , COPY, sk_must(DELETE));
	REPORT_CALL("delete", sk_must(COPY), DELETE, );
	REPORT_CALL("revoke", sk_must(COPY), seL4_CNode_Revoke(ROOT, endpoint, SK_DEPTH), );
#undef COPY
#undef DELETE
}

static void pages(void)
{
	seL4_CPtr first = sk_frame_new(), frame = sk_frame_new();
	seL4_Word address = (seL4_Word)sk_address_new(2);

	/* The page before it has the page tables made. */
	sk_must(sk_map(seL4_CapInitThreadVSpace, first, address, seL4_ReadWrite, seL4_RISCV_ExecuteNever));
	address += SK_PAGE_BYTES;
#define MAP                                                                                                  \
	seL4_RISCV_Page_Map(frame, seL4_CapInitThreadVSpace, address, seL4_ReadWrite,                        \
			    seL4_RISCV_Default_VMAttributes)
	REPORT_CALL("map", , MAP, sk_must(seL4_RISCV_Page_Unmap(frame)));
	REPORT_CALL("unmap", sk_must(MAP), seL4_RISCV_Page_Unmap(frame), );
#undef MAP
}

/* A thread with CSpace, VSpace and IPC buffer that never ran. */
static void threads(void)
{
	seL4_CPtr tcb = sk_slot_new(), untyped = sk_untyped_new(seL4_TCBBits), frame;
	seL4_Word buffer = (seL4_Word)sk_pages_new(1, &frame);

#define MAKE                                                                                                 \
	sk_must(seL4_Untyped_Retype(untyped, seL4_TCBObject, 0, ROOT, 0, 0, tcb, 1));                        \
	sk_must(seL4_TCB_Configure(tcb, 0, ROOT, 0, seL4_CapInitThreadVSpace, 0, buffer, frame))
	REPORT_CALL("delete-tcb", MAKE, seL4_CNode_Delete(ROOT, tcb, SK_DEPTH), );
#undef MAKE
}

void metal_objects(void)
{
	retype("retype-tcb", seL4_TCBObject, 0);
	retype("retype-endpoint", seL4_EndpointObject, 0);
	retype("retype-cnode", seL4_CapTableObject, 4);
	retype_frames();
	capabilities();
	pages();
	threads();
}
