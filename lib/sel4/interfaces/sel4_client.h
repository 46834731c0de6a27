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

/* Lists of arguments, with their lengths. */
#define SEL4_CAPS(...)                                                                                       \
	(const seL4_CPtr[]){__VA_ARGS__}, sizeof((const seL4_CPtr[]){__VA_ARGS__}) / sizeof(seL4_CPtr)
#define SEL4_ARGS(...)                                                                                       \
	(const seL4_Word[]){__VA_ARGS__}, sizeof((const seL4_Word[]){__VA_ARGS__}) / sizeof(seL4_Word)
#define SEL4_NONE ((const seL4_Word *)0), 0ul

/* Results, if any, are left in the message registers; the first is returned through `result`. */
static inline __attribute__((always_inline)) seL4_Error
sel4_invoke_result(seL4_CPtr object, seL4_Word label, const seL4_CPtr *caps, seL4_Word cap_count,
		   const seL4_Word *args, seL4_Word arg_count, seL4_Word *result)
{
	seL4_Word mr[SEL4_FAST_MRS] = {0};
	seL4_MessageInfo_t info = seL4_MessageInfo_new(label, 0, cap_count, arg_count);

	for (seL4_Word i = 0; i < cap_count; i++)
		seL4_SetCap(i, caps[i]);
	for (seL4_Word i = 0; i < arg_count; i++) {
		if (i < SEL4_FAST_MRS)
			mr[i] = args[i];
		else
			seL4_SetMR(i, args[i]);
	}
	info = seL4_CallWithMRs(object, info, &mr[0], &mr[1], &mr[2], &mr[3]);
	seL4_Error error = (seL4_Error)seL4_MessageInfo_get_label(info);
	if (error != seL4_NoError) {
		for (int i = 0; i < SEL4_FAST_MRS; i++)
			seL4_SetMR(i, mr[i]);
	}
	*result = mr[0];
	return error;
}

static inline __attribute__((always_inline)) seL4_Error
sel4_invoke(seL4_CPtr object, seL4_Word label, const seL4_CPtr *caps, seL4_Word cap_count,
	    const seL4_Word *args, seL4_Word arg_count)
{
	seL4_Word ignored;
	return sel4_invoke_result(object, label, caps, cap_count, args, arg_count, &ignored);
}

/* --- untyped memory ---------------------------------------------------------------------------- */

static inline seL4_Error seL4_Untyped_Retype(seL4_Untyped untyped, seL4_Word type, seL4_Word size_bits,
					     seL4_CNode root, seL4_Word node_index, seL4_Word node_depth,
					     seL4_Word node_offset, seL4_Word num_objects)
{
	return sel4_invoke(untyped, UntypedRetype, SEL4_CAPS(root),
			   SEL4_ARGS(type, size_bits, node_index, node_depth, node_offset, num_objects));
}

/* --- threads ----------------------------------------------------------------------------------- */

/* Registers are a message of their own length, in the order of the struct. */
static inline seL4_Error seL4_TCB_ReadRegisters(seL4_TCB tcb, seL4_Bool suspend_source, seL4_Uint8 arch_flags,
						seL4_Word count, seL4_UserContext *regs)
{
	seL4_Word *words = (seL4_Word *)regs;

	seL4_SetMR(0, (suspend_source & 1) | (seL4_Word)arch_flags << 8);
	seL4_SetMR(1, count);
	seL4_MessageInfo_t info = seL4_Call(tcb, seL4_MessageInfo_new(TCBReadRegisters, 0, 0, 2));
	seL4_Error error = (seL4_Error)seL4_MessageInfo_get_label(info);
	for (seL4_Word i = 0; error == seL4_NoError && i < count && i < seL4_UserContextWords; i++)
		words[i] = seL4_GetMR(i);
	return error;
}

static inline seL4_Error seL4_TCB_WriteRegisters(seL4_TCB tcb, seL4_Bool resume_target, seL4_Uint8 arch_flags,
						 seL4_Word count, seL4_UserContext *regs)
{
	const seL4_Word *words = (const seL4_Word *)regs;

	seL4_SetMR(0, (resume_target & 1) | (seL4_Word)arch_flags << 8);
	seL4_SetMR(1, count);
	for (seL4_Word i = 0; i < count && i < seL4_UserContextWords; i++)
		seL4_SetMR(2 + i, words[i]);
	seL4_MessageInfo_t info =
		seL4_Call(tcb, seL4_MessageInfo_new(TCBWriteRegisters, 0, 0, 2 + seL4_UserContextWords));
	return (seL4_Error)seL4_MessageInfo_get_label(info);
}

static inline seL4_Error seL4_TCB_CopyRegisters(seL4_TCB tcb, seL4_TCB source, seL4_Bool suspend_source,
						seL4_Bool resume_target, seL4_Bool transfer_frame,
						seL4_Bool transfer_integer, seL4_Uint8 arch_flags)
{
	return sel4_invoke(tcb, TCBCopyRegisters, SEL4_CAPS(source),
			   SEL4_ARGS((suspend_source & 1) | (resume_target & 1) << 1 |
				     (transfer_frame & 1) << 2 | (transfer_integer & 1) << 3 |
				     (seL4_Word)arch_flags << 8));
}

static inline seL4_Error seL4_TCB_Configure(seL4_TCB tcb, seL4_Word fault_ep, seL4_CNode cspace_root,
					    seL4_Word cspace_root_data, seL4_CPtr vspace_root,
					    seL4_Word vspace_root_data, seL4_Word buffer,
					    seL4_CPtr buffer_frame)
{
	return sel4_invoke(tcb, TCBConfigure, SEL4_CAPS(cspace_root, vspace_root, buffer_frame),
			   SEL4_ARGS(fault_ep, cspace_root_data, vspace_root_data, buffer));
}

static inline seL4_Error seL4_TCB_SetPriority(seL4_TCB tcb, seL4_TCB authority, seL4_Word priority)
{
	return sel4_invoke(tcb, TCBSetPriority, SEL4_CAPS(authority), SEL4_ARGS(priority));
}

static inline seL4_Error seL4_TCB_SetMCPriority(seL4_TCB tcb, seL4_TCB authority, seL4_Word mcp)
{
	return sel4_invoke(tcb, TCBSetMCPriority, SEL4_CAPS(authority), SEL4_ARGS(mcp));
}

static inline seL4_Error seL4_TCB_SetSchedParams(seL4_TCB tcb, seL4_TCB authority, seL4_Word mcp,
						 seL4_Word priority)
{
	return sel4_invoke(tcb, TCBSetSchedParams, SEL4_CAPS(authority), SEL4_ARGS(mcp, priority));
}

static inline seL4_Error seL4_TCB_SetIPCBuffer(seL4_TCB tcb, seL4_Word buffer, seL4_CPtr buffer_frame)
{
	return sel4_invoke(tcb, TCBSetIPCBuffer, SEL4_CAPS(buffer_frame), SEL4_ARGS(buffer));
}

static inline seL4_Error seL4_TCB_SetSpace(seL4_TCB tcb, seL4_Word fault_ep, seL4_CNode cspace_root,
					   seL4_Word cspace_root_data, seL4_CPtr vspace_root,
					   seL4_Word vspace_root_data)
{
	return sel4_invoke(tcb, TCBSetSpace, SEL4_CAPS(cspace_root, vspace_root),
			   SEL4_ARGS(fault_ep, cspace_root_data, vspace_root_data));
}

static inline seL4_Error seL4_TCB_Suspend(seL4_TCB tcb)
{
	return sel4_invoke(tcb, TCBSuspend, SEL4_NONE, SEL4_NONE);
}

static inline seL4_Error seL4_TCB_Resume(seL4_TCB tcb)
{
	return sel4_invoke(tcb, TCBResume, SEL4_NONE, SEL4_NONE);
}

static inline seL4_Error seL4_TCB_BindNotification(seL4_TCB tcb, seL4_CPtr notification)
{
	return sel4_invoke(tcb, TCBBindNotification, SEL4_CAPS(notification), SEL4_NONE);
}

static inline seL4_Error seL4_TCB_UnbindNotification(seL4_TCB tcb)
{
	return sel4_invoke(tcb, TCBUnbindNotification, SEL4_NONE, SEL4_NONE);
}

static inline seL4_Error seL4_TCB_SetTLSBase(seL4_TCB tcb, seL4_Word tls_base)
{
	return sel4_invoke(tcb, TCBSetTLSBase, SEL4_NONE, SEL4_ARGS(tls_base));
}

typedef struct seL4_TCB_SetFlags {
	int error;
	seL4_Word flags; /* as they are now */
} seL4_TCB_SetFlags_t;

static inline seL4_TCB_SetFlags_t seL4_TCB_SetFlags(seL4_TCB tcb, seL4_Word clear, seL4_Word set)
{
	seL4_TCB_SetFlags_t r;
	r.error = sel4_invoke_result(tcb, TCBSetFlags, SEL4_NONE, SEL4_ARGS(clear, set), &r.flags);
	return r;
}

/* --- CNodes: destination in the invoked CNode, source in another or the same --------------------- */

static inline seL4_Error seL4_CNode_Revoke(seL4_CNode cnode, seL4_Word index, seL4_Uint8 depth)
{
	return sel4_invoke(cnode, CNodeRevoke, SEL4_NONE, SEL4_ARGS(index, depth));
}

static inline seL4_Error seL4_CNode_Delete(seL4_CNode cnode, seL4_Word index, seL4_Uint8 depth)
{
	return sel4_invoke(cnode, CNodeDelete, SEL4_NONE, SEL4_ARGS(index, depth));
}

static inline seL4_Error seL4_CNode_CancelBadgedSends(seL4_CNode cnode, seL4_Word index, seL4_Uint8 depth)
{
	return sel4_invoke(cnode, CNodeCancelBadgedSends, SEL4_NONE, SEL4_ARGS(index, depth));
}

static inline seL4_Error seL4_CNode_Copy(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					 seL4_CNode src_root, seL4_Word src_index, seL4_Uint8 src_depth,
					 seL4_CapRights_t rights)
{
	return sel4_invoke(cnode, CNodeCopy, SEL4_CAPS(src_root),
			   SEL4_ARGS(dest_index, dest_depth, src_index, src_depth, rights.words[0]));
}

static inline seL4_Error seL4_CNode_Mint(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					 seL4_CNode src_root, seL4_Word src_index, seL4_Uint8 src_depth,
					 seL4_CapRights_t rights, seL4_Word badge)
{
	return sel4_invoke(cnode, CNodeMint, SEL4_CAPS(src_root),
			   SEL4_ARGS(dest_index, dest_depth, src_index, src_depth, rights.words[0], badge));
}

static inline seL4_Error seL4_CNode_Move(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					 seL4_CNode src_root, seL4_Word src_index, seL4_Uint8 src_depth)
{
	return sel4_invoke(cnode, CNodeMove, SEL4_CAPS(src_root),
			   SEL4_ARGS(dest_index, dest_depth, src_index, src_depth));
}

static inline seL4_Error seL4_CNode_Mutate(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					   seL4_CNode src_root, seL4_Word src_index, seL4_Uint8 src_depth,
					   seL4_Word badge)
{
	return sel4_invoke(cnode, CNodeMutate, SEL4_CAPS(src_root),
			   SEL4_ARGS(dest_index, dest_depth, src_index, src_depth, badge));
}

static inline seL4_Error seL4_CNode_Rotate(seL4_CNode cnode, seL4_Word dest_index, seL4_Uint8 dest_depth,
					   seL4_Word dest_badge, seL4_CNode pivot_root, seL4_Word pivot_index,
					   seL4_Uint8 pivot_depth, seL4_Word pivot_badge, seL4_CNode src_root,
					   seL4_Word src_index, seL4_Uint8 src_depth)
{
	return sel4_invoke(cnode, CNodeRotate, SEL4_CAPS(pivot_root, src_root),
			   SEL4_ARGS(dest_index, dest_depth, dest_badge, pivot_index, pivot_depth,
				     pivot_badge, src_index, src_depth));
}

static inline seL4_Error seL4_CNode_SaveCaller(seL4_CNode cnode, seL4_Word index, seL4_Uint8 depth)
{
	return sel4_invoke(cnode, CNodeSaveCaller, SEL4_NONE, SEL4_ARGS(index, depth));
}

/* --- interrupts -------------------------------------------------------------------------------- */

static inline seL4_Error seL4_IRQControl_Get(seL4_IRQControl control, seL4_Word irq, seL4_CNode root,
					     seL4_Word index, seL4_Uint8 depth)
{
	return sel4_invoke(control, IRQIssueIRQHandler, SEL4_CAPS(root), SEL4_ARGS(irq, index, depth));
}

static inline seL4_Error seL4_IRQControl_GetTrigger(seL4_IRQControl control, seL4_Word irq, seL4_Word trigger,
						    seL4_CNode root, seL4_Word index, seL4_Uint8 depth)
{
	return sel4_invoke(control, RISCVIRQIssueIRQHandlerTrigger, SEL4_CAPS(root),
			   SEL4_ARGS(irq, trigger, index, depth));
}

static inline seL4_Error seL4_IRQHandler_Ack(seL4_IRQHandler handler)
{
	return sel4_invoke(handler, IRQAckIRQ, SEL4_NONE, SEL4_NONE);
}

static inline seL4_Error seL4_IRQHandler_SetNotification(seL4_IRQHandler handler, seL4_CPtr notification)
{
	return sel4_invoke(handler, IRQSetIRQHandler, SEL4_CAPS(notification), SEL4_NONE);
}

static inline seL4_Error seL4_IRQHandler_Clear(seL4_IRQHandler handler)
{
	return sel4_invoke(handler, IRQClearIRQHandler, SEL4_NONE, SEL4_NONE);
}

/* --- domains ----------------------------------------------------------------------------------- */

static inline seL4_Error seL4_DomainSet_Set(seL4_DomainSet set, seL4_Uint8 domain, seL4_TCB thread)
{
	return sel4_invoke(set, DomainSetSet, SEL4_CAPS(thread), SEL4_ARGS(domain));
}

static inline seL4_Error seL4_DomainSet_ScheduleConfigure(seL4_DomainSet set, seL4_Word index,
							  seL4_Uint8 domain, seL4_Time duration)
{
	return sel4_invoke(set, DomainScheduleConfigure, SEL4_NONE, SEL4_ARGS(index, domain, duration));
}

static inline seL4_Error seL4_DomainSet_ScheduleSetStart(seL4_DomainSet set, seL4_Word index)
{
	return sel4_invoke(set, DomainScheduleSetStart, SEL4_NONE, SEL4_ARGS(index));
}

/* --- address spaces of riscv64 ------------------------------------------------------------------ */

static inline seL4_Error seL4_RISCV_PageTable_Map(seL4_RISCV_PageTable table, seL4_RISCV_PageTable vspace,
						  seL4_Word vaddr, seL4_RISCV_VMAttributes attributes)
{
	return sel4_invoke(table, RISCVPageTableMap, SEL4_CAPS(vspace), SEL4_ARGS(vaddr, attributes));
}

static inline seL4_Error seL4_RISCV_PageTable_Unmap(seL4_RISCV_PageTable table)
{
	return sel4_invoke(table, RISCVPageTableUnmap, SEL4_NONE, SEL4_NONE);
}

static inline seL4_Error seL4_RISCV_Page_Map(seL4_RISCV_Page page, seL4_RISCV_PageTable vspace,
					     seL4_Word vaddr, seL4_CapRights_t rights,
					     seL4_RISCV_VMAttributes attributes)
{
	return sel4_invoke(page, RISCVPageMap, SEL4_CAPS(vspace),
			   SEL4_ARGS(vaddr, rights.words[0], attributes));
}

static inline seL4_Error seL4_RISCV_Page_Unmap(seL4_RISCV_Page page)
{
	return sel4_invoke(page, RISCVPageUnmap, SEL4_NONE, SEL4_NONE);
}

typedef struct seL4_RISCV_Page_GetAddress {
	int error;
	seL4_Word paddr;
} seL4_RISCV_Page_GetAddress_t;

static inline seL4_RISCV_Page_GetAddress_t seL4_RISCV_Page_GetAddress(seL4_RISCV_Page page)
{
	seL4_RISCV_Page_GetAddress_t r;
	r.error = sel4_invoke_result(page, RISCVPageGetAddress, SEL4_NONE, SEL4_NONE, &r.paddr);
	return r;
}

static inline seL4_Error seL4_RISCV_ASIDControl_MakePool(seL4_RISCV_ASIDControl control, seL4_Untyped untyped,
							 seL4_CNode root, seL4_Word index, seL4_Uint8 depth)
{
	return sel4_invoke(control, RISCVASIDControlMakePool, SEL4_CAPS(untyped, root),
			   SEL4_ARGS(index, depth));
}

static inline seL4_Error seL4_RISCV_ASIDPool_Assign(seL4_RISCV_ASIDPool pool, seL4_CPtr vspace)
{
	return sel4_invoke(pool, RISCVASIDPoolAssign, SEL4_CAPS(vspace), SEL4_NONE);
}
