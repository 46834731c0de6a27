/* Which decoder an invocation goes to. Each checks everything first, and only then changes anything. */
#include "kernel/core/kernel.h"

enum outcome decode_invocation(struct call *call)
{
	switch (cap_type(call->cap)) {
	case CAP_Untyped:
		return decode_untyped(call);
	case CAP_CNode:
		return decode_cnode(call);
	case CAP_Thread:
		return decode_tcb(call);
	case CAP_IRQControl:
		return decode_irq_control(call);
	case CAP_IRQHandler:
		return decode_irq_handler(call);
	case CAP_Domain:
		return decode_domain(call);
	default:
		return isa_decode(call);
	}
}
