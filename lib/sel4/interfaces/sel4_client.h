/*
 * The methods of kernel objects. Each is a Call on the object's capability: the method's label, its
 * capability arguments as extra capabilities, its other arguments in message registers in the order
 * of declaration. sel4_invoke() does that for all; a method only lists what it passes.
 *
 * Every method returns an error code. If it is not seL4_NoError, the error's details are where
 * seL4_GetMR() finds them (see abi/sel4/errors.h). A method with results returns them in a struct.
 */
#pragma once

#include <sel4/invocation.h>
#include <sel4/syscalls.h>
#include <sel4/types.h>

/*
 * SEL4_INVOKE(object, label, capabilities, arguments, result): the lists are written SEL4_LIST(a, b);
 * where a method's first result goes, or null.
 */
#define SEL4_LIST(...)                                                                                       \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}
#define SEL4_INVOKE(object, label, cap_list, arg_list, result)                                               \
	({                                                                                                   \
		const seL4_CPtr caps_[] = cap_list;                                                          \
		const seL4_Word args_[] = arg_list;                                                          \
		sel4_invoke(object, label, caps_, sizeof caps_ / sizeof(seL4_CPtr), args_,                   \
			    sizeof args_ / sizeof(seL4_Word), result);                                       \
	})

static inline __attribute__((always_inline)) seL4_Error
sel4_invoke(seL4_CPtr object, seL4_Word label, const seL4_CPtr *caps, seL4_Word cap_count,
	    const seL4_Word *args, seL4_Word arg_count, seL4_Word *result)
{
	seL4_Word mr[SEL4_FAST_MRS] = {0};
	seL4_MessageInfo_t info = seL4_MessageInfo_new(label, 0, cap_count, arg_count);

	/* The counts are constants: unrolled, what is left is a store for each word that is not in a register. */
#pragma GCC unroll 8
	for (seL4_Word i = 0; i < cap_count; i++)
		seL4_SetCap((int)i, caps[i]);
#pragma GCC unroll 16
	for (seL4_Word i = 0; i < arg_count; i++) {
		if (i < SEL4_FAST_MRS)
			mr[i] = args[i];
		else
			seL4_SetMR((int)i, args[i]);
	}
	info = seL4_CallWithMRs(object, info, &mr[0], &mr[1], &mr[2], &mr[3]);
	seL4_Error error = (seL4_Error)seL4_MessageInfo_get_label(info);
	if (error != seL4_NoError) {
		for (int i = 0; i < SEL4_FAST_MRS; i++)
			seL4_SetMR(i, mr[i]);
	}
	if (result)
		*result = mr[0];
	return error;
}

/* --- untyped memory ---------------------------------------------------------------------------- */

static inline seL4_Error seL4_Untyped_Retype(seL4_Untyped untyped, seL4_Word type, seL4_Word size_bits,
					     seL4_CNode root, seL4_Word node_index, seL4_Word node_depth,
					     seL4_Word node_offset, seL4_Word num_objects)
{
	return SEL4_INVOKE(untyped, UntypedRetype, SEL4_LIST(root),
			   SEL4_LIST(type, size_bits, node_index, node_depth, node_offset, num_objects), 0);
}

/* --- threads ----------------------------------------------------------------------------------- */

/* Registers are a message of their own length, in the order of the struct. */
static inline seL4_Error seL4_TCB_ReadRegisters(seL4_TCB tcb, seL4_Bool suspend_source, seL4_Uint8 arch_flags,
						seL4_Word count, seL4_UserContext *regs)
{
	seL4_Word *words = (seL4_Word *)regs;

	seL4_SetMR(0, (seL4_Word)((suspend_source & 1) | arch_flags << 8));
	seL4_SetMR(1, count);
	seL4_MessageInfo_t info = seL4_Call(tcb, seL4_MessageInfo_new(TCBReadRegisters, 0, 0, 2));
	seL4_Error error = (seL4_Error)seL4_MessageInfo_get_label(info);
	for (seL4_Word i = 0; error == seL4_NoError && i < count && i < seL4_UserContextWords; i++)
		words[i] = seL4_GetMR((int)i);
	return error;
}

static inline seL4_Error seL4_TCB_WriteRegisters(seL4_TCB tcb, seL4_Bool resume_target, seL4_Uint8 arch_flags,
						 seL4_Word count, seL4_UserContext *regs)
{
	const seL4_Word *words = (const seL4_Word *)regs;

	seL4_SetMR(0, (seL4_Word)((resume_target & 1) | arch_flags << 8));
	seL4_SetMR(1, count);
	for (seL4_Word i = 0; i < count && i < seL4_UserContextWords; i++)
		seL4_SetMR(2 + (int)i, words[i]);
	seL4_MessageInfo_t info =
		seL4_Call(tcb, seL4_MessageInfo_new(TCBWriteRegisters, 0, 0, 2 + seL4_UserContextWords));
	return (seL4_Error)seL4_MessageInfo_get_label(info);
}

static inline seL4_Error seL4_TCB_CopyRegisters(seL4_TCB tcb, seL4_TCB source, seL4_Bool suspend_source,
						seL4_Bool resume_target, seL4_Bool transfer_frame,
						seL4_Bool transfer_integer, seL4_Uint8 arch_flags)
{
	return SEL4_INVOKE(tcb, TCBCopyRegisters, SEL4_LIST(source),
			   SEL4_LIST((seL4_Word)((suspend_source & 1) | (resume_target & 1) << 1 |
						 (transfer_frame & 1) << 2 | (transfer_integer & 1) << 3 |
						 arch_flags << 8)),
			   0);
}

static inline seL4_Error seL4_TCB_Configure(seL4_TCB tcb, seL4_Word fault_ep, seL4_CNode cspace_root,
					    seL4_Word cspace_root_data, seL4_CPtr vspace_root,
					    seL4_Word vspace_root_data, seL4_Word buffer,
					    seL4_CPtr buffer_frame)
{
	return SEL4_INVOKE(tcb, TCBConfigure, SEL4_LIST(cspace_root, vspace_root, buffer_frame),
			   SEL4_LIST(fault_ep, cspace_root_data, vspace_root_data, buffer), 0);
}

static inline seL4_Error seL4_TCB_SetPriority(seL4_TCB tcb, seL4_TCB authority, seL4_Word priority)
{
	return SEL4_INVOKE(tcb, TCBSetPriority, SEL4_LIST(authority), SEL4_LIST(priority), 0);
}

static inline seL4_Error seL4_TCB_SetMCPriority(seL4_TCB tcb, seL4_TCB authority, seL4_Word mcp)
{
	return SEL4_INVOKE(tcb, TCBSetMCPriority, SEL4_LIST(authority), SEL4_LIST(mcp), 0);
}

static inline seL4_Error seL4_TCB_SetSchedParams(seL4_TCB tcb, seL4_TCB authority, seL4_Word mcp,
						 seL4_Word priority)
{
	return SEL4_INVOKE(tcb, TCBSetSchedParams, SEL4_LIST(authority), SEL4_LIST(mcp, priority), 0);
}

static inline seL4_Error seL4_TCB_SetIPCBuffer(seL4_TCB tcb, seL4_Word buffer, seL4_CPtr buffer_frame)
{
	return SEL4_INVOKE(tcb, TCBSetIPCBuffer, SEL4_LIST(buffer_frame), SEL4_LIST(buffer), 0);
}

static inline seL4_Error seL4_TCB_SetSpace(seL4_TCB tcb, seL4_Word fault_ep, seL4_CNode cspace_root,
					   seL4_Word cspace_root_data, seL4_CPtr vspace_root,
					   seL4_Word vspace_root_data)
{
	return SEL4_INVOKE(tcb, TCBSetSpace, SEL4_LIST(cspace_root, vspace_root),
			   SEL4_LIST(fault_ep, cspace_root_data, vspace_root_data), 0);
}

static inline seL4_Error seL4_TCB_Suspend(seL4_TCB tcb)
{
	return SEL4_INVOKE(tcb, TCBSuspend, SEL4_LIST(), SEL4_LIST(), 0);
}

static inline seL4_Error seL4_TCB_Resume(seL4_TCB tcb)
{
	return SEL4_INVOKE(tcb, TCBResume, SEL4_LIST(), SEL4_LIST(), 0);
}

static inline seL4_Error seL4_TCB_BindNotification(seL4_TCB tcb, seL4_CPtr notification)
{
	return SEL4_INVOKE(tcb, TCBBindNotification, SEL4_LIST(notification), SEL4_LIST(), 0);
}

static inline seL4_Error seL4_TCB_UnbindNotification(seL4_TCB tcb)
{
	return SEL4_INVOKE(tcb, TCBUnbindNotification, SEL4_LIST(), SEL4_LIST(), 0);
}

static inline seL4_Error seL4_TCB_SetTLSBase(seL4_TCB tcb, seL4_Word tls_base)
{
	return SEL4_INVOKE(tcb, TCBSetTLSBase, SEL4_LIST(), SEL4_LIST(tls_base), 0);
}

typedef struct seL4_TCB_SetFlags {
	int error;
	seL4_Word flags; /* as they are now */
} seL4_TCB_SetFlags_t;

static inline seL4_TCB_SetFlags_t seL4_TCB_SetFlags(seL4_TCB tcb, seL4_Word clear, seL4_Word set)
{
	seL4_TCB_SetFlags_t r;
	r.error = SEL4_INVOKE(tcb, TCBSetFlags, SEL4_LIST(), SEL4_LIST(clear, set), &r.flags);
	return r;
}

/* --- CNodes: destination in the invoked CNode, source in another or the same --------------------- */

static inline seL4_Error seL4_CNode_Revoke(seL4_CNode cnode, seL4_Word index, seL4_Uint8 depth)
{
	return SEL4_INVOKE(cnode, CNodeRevoke, SEL4_LIST(), SEL4_LIST(index, depth), 0);
}

static inline seL4_Error seL4_CNode_Delete(seL4_CNode cnode, seL4_Word index, seL4_Uint8 depth)
{
	return SEL4_INVOKE(cnode, CNodeDelete, SEL4_LIST(), SEL4_LIST(index, depth), 0);
}

static inline seL4_Error seL4_CNode_CancelBadgedSends(seL4_CNode cnode, seL4_Word index, seL4_Uint8 depth)
{
	return SEL4_INVOKE(cnode, CNodeCancelBadgedSends, SEL4_LIST(), SEL4_LIST(index, depth), 0);
}

static inline seL4_Error seL4_CNode_Copy(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					 seL4_CNode src_root, seL4_Word src_index, seL4_Uint8 src_depth,
					 seL4_CapRights_t rights)
{
	return SEL4_INVOKE(cnode, CNodeCopy, SEL4_LIST(src_root),
			   SEL4_LIST(dest_index, dest_depth, src_index, src_depth, rights.words[0]), 0);
}

static inline seL4_Error seL4_CNode_Mint(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					 seL4_CNode src_root, seL4_Word src_index, seL4_Uint8 src_depth,
					 seL4_CapRights_t rights, seL4_Word badge)
{
	return SEL4_INVOKE(cnode, CNodeMint, SEL4_LIST(src_root),
			   SEL4_LIST(dest_index, dest_depth, src_index, src_depth, rights.words[0], badge),
			   0);
}

static inline seL4_Error seL4_CNode_Move(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					 seL4_CNode src_root, seL4_Word src_index, seL4_Uint8 src_depth)
{
	return SEL4_INVOKE(cnode, CNodeMove, SEL4_LIST(src_root),
			   SEL4_LIST(dest_index, dest_depth, src_index, src_depth), 0);
}

static inline seL4_Error seL4_CNode_Mutate(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					   seL4_CNode src_root, seL4_Word src_index, seL4_Uint8 src_depth,
					   seL4_Word badge)
{
	return SEL4_INVOKE(cnode, CNodeMutate, SEL4_LIST(src_root),
			   SEL4_LIST(dest_index, dest_depth, src_index, src_depth, badge), 0);
}

static inline seL4_Error seL4_CNode_Rotate(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					   seL4_Word dest_badge, seL4_CNode pivot_root, seL4_Word pivot_index,
					   seL4_Uint8 pivot_depth, seL4_Word pivot_badge, seL4_CNode src_root,
					   seL4_Word src_index, seL4_Uint8 src_depth)
{
	return SEL4_INVOKE(cnode, CNodeRotate, SEL4_LIST(pivot_root, src_root),
			   SEL4_LIST(dest_index, dest_depth, dest_badge, pivot_index, pivot_depth,
				     pivot_badge, src_index, src_depth),
			   0);
}

static inline seL4_Error seL4_CNode_SaveCaller(seL4_CNode cnode, seL4_Word index, seL4_Uint8 depth)
{
	return SEL4_INVOKE(cnode, CNodeSaveCaller, SEL4_LIST(), SEL4_LIST(index, depth), 0);
}

/* --- interrupts -------------------------------------------------------------------------------- */

static inline seL4_Error seL4_IRQControl_Get(seL4_IRQControl control, seL4_Word irq, seL4_CNode root,
					     seL4_Word index, seL4_Uint8 depth)
{
	return SEL4_INVOKE(control, IRQIssueIRQHandler, SEL4_LIST(root), SEL4_LIST(irq, index, depth), 0);
}

static inline seL4_Error seL4_IRQControl_GetTrigger(seL4_IRQControl control, seL4_Word irq, seL4_Word trigger,
						    seL4_CNode root, seL4_Word index, seL4_Uint8 depth)
{
	return SEL4_INVOKE(control, RISCVIRQIssueIRQHandlerTrigger, SEL4_LIST(root),
			   SEL4_LIST(irq, trigger, index, depth), 0);
}

static inline seL4_Error seL4_IRQHandler_Ack(seL4_IRQHandler handler)
{
	return SEL4_INVOKE(handler, IRQAckIRQ, SEL4_LIST(), SEL4_LIST(), 0);
}

static inline seL4_Error seL4_IRQHandler_SetNotification(seL4_IRQHandler handler, seL4_CPtr notification)
{
	return SEL4_INVOKE(handler, IRQSetIRQHandler, SEL4_LIST(notification), SEL4_LIST(), 0);
}

static inline seL4_Error seL4_IRQHandler_Clear(seL4_IRQHandler handler)
{
	return SEL4_INVOKE(handler, IRQClearIRQHandler, SEL4_LIST(), SEL4_LIST(), 0);
}

/* --- domains ----------------------------------------------------------------------------------- */

static inline seL4_Error seL4_DomainSet_Set(seL4_DomainSet set, seL4_Uint8 domain, seL4_TCB thread)
{
	return SEL4_INVOKE(set, DomainSetSet, SEL4_LIST(thread), SEL4_LIST(domain), 0);
}

static inline seL4_Error seL4_DomainSet_ScheduleConfigure(seL4_DomainSet set, seL4_Word index,
							  seL4_Uint8 domain, seL4_Time duration)
{
	return SEL4_INVOKE(set, DomainScheduleConfigure, SEL4_LIST(), SEL4_LIST(index, domain, duration), 0);
}

static inline seL4_Error seL4_DomainSet_ScheduleSetStart(seL4_DomainSet set, seL4_Word index)
{
	return SEL4_INVOKE(set, DomainScheduleSetStart, SEL4_LIST(), SEL4_LIST(index), 0);
}

/* --- address spaces of riscv64 ------------------------------------------------------------------ */

static inline seL4_Error seL4_RISCV_PageTable_Map(seL4_RISCV_PageTable table, seL4_RISCV_PageTable vspace,
						  seL4_Word vaddr, seL4_RISCV_VMAttributes attributes)
{
	return SEL4_INVOKE(table, RISCVPageTableMap, SEL4_LIST(vspace), SEL4_LIST(vaddr, attributes), 0);
}

static inline seL4_Error seL4_RISCV_PageTable_Unmap(seL4_RISCV_PageTable table)
{
	return SEL4_INVOKE(table, RISCVPageTableUnmap, SEL4_LIST(), SEL4_LIST(), 0);
}

static inline seL4_Error seL4_RISCV_Page_Map(seL4_RISCV_Page page, seL4_RISCV_PageTable vspace,
					     seL4_Word vaddr, seL4_CapRights_t rights,
					     seL4_RISCV_VMAttributes attributes)
{
	return SEL4_INVOKE(page, RISCVPageMap, SEL4_LIST(vspace),
			   SEL4_LIST(vaddr, rights.words[0], attributes), 0);
}

static inline seL4_Error seL4_RISCV_Page_Unmap(seL4_RISCV_Page page)
{
	return SEL4_INVOKE(page, RISCVPageUnmap, SEL4_LIST(), SEL4_LIST(), 0);
}

typedef struct seL4_RISCV_Page_GetAddress {
	int error;
	seL4_Word paddr;
} seL4_RISCV_Page_GetAddress_t;

static inline seL4_RISCV_Page_GetAddress_t seL4_RISCV_Page_GetAddress(seL4_RISCV_Page page)
{
	seL4_RISCV_Page_GetAddress_t r;
	r.error = SEL4_INVOKE(page, RISCVPageGetAddress, SEL4_LIST(), SEL4_LIST(), &r.paddr);
	return r;
}

static inline seL4_Error seL4_RISCV_ASIDControl_MakePool(seL4_RISCV_ASIDControl control, seL4_Untyped untyped,
							 seL4_CNode root, seL4_Word index, seL4_Uint8 depth)
{
	return SEL4_INVOKE(control, RISCVASIDControlMakePool, SEL4_LIST(untyped, root),
			   SEL4_LIST(index, depth), 0);
}

static inline seL4_Error seL4_RISCV_ASIDPool_Assign(seL4_RISCV_ASIDPool pool, seL4_CPtr vspace)
{
	return SEL4_INVOKE(pool, RISCVASIDPoolAssign, SEL4_LIST(vspace), SEL4_LIST(), 0);
}
