/*
 * All of the assembler: the way in at boot, traps in and out.
 *
 * Boot comes from the firmware (paging off, a0 = hart, a1 = device tree) or from upstream's loader
 * (paging on in its own tables, a0..a5 as boot.md §7 says). metal_tables() makes the kernel's tables; it
 * and all it calls run where they were loaded, so they must be position independent.
 *
 * Traps: while a thread runs, sscratch holds the address of its context; in the kernel it is 0. The
 * offsets are those of struct context, asserted in machine.c.
 */
#define CONTEXT_PC   264
#define CONTEXT_F    272
#define CONTEXT_FCSR 528

#define TCB_CONTEXT  160
#define CONTEXT_NEXT_PC 536
#define CAUSE_ECALL  8

#define LINK_OFFSET 0xffffffff00000000

	.section .text.start, "ax"
	.globl _start
_start:
	csrw	sie, zero
	csrw	sscratch, zero
	la	t0, _bss_start
	la	t1, _bss_end
1:	sd	zero, 0(t0)		/* both ends are aligned to 32 bytes */
	sd	zero, 8(t0)
	sd	zero, 16(t0)
	sd	zero, 24(t0)
	addi	t0, t0, 32
	bltu	t0, t1, 1b
	la	sp, _stack_top
	addi	sp, sp, -64
	sd	a0, 0(sp)
	sd	a1, 8(sp)
	sd	a2, 16(sp)
	sd	a3, 24(sp)
	sd	a4, 32(sp)
	sd	a5, 40(sp)
	csrr	t0, satp
	snez	t0, t0
	sd	t0, 48(sp)

	la	a0, _start
	li	s0, LINK_OFFSET + 0x80200000
	sub	s0, s0, a0		/* what separates where we are from where we are linked */
	li	a1, 0x80200000
	sub	a0, a1, a0		/* and from where we lie physically */
	call	metal_tables		/* a0 = satp value */
	la	t0, 2f
	add	t0, t0, s0
	csrw	stvec, t0		/* if this address is not mapped any more, we fault to the next */
	sfence.vma
	csrw	satp, a0
	sfence.vma
	jr	t0
	.balign	4
2:	add	sp, sp, s0
	la	t0, trap_entry
	csrw	stvec, t0
	la	t0, _stack_top
	li	t1, 0xffffffc080300000	/* machine_kernel() */
	sd	t1, 0(t0)
	mv	a0, sp
	call	metal_boot		/* a0 = first thread */
	j	leave

/* --- traps ------------------------------------------------------------------------------------- */

	.section .text.trap, "ax"
	.balign	4
	.globl	trap_entry
trap_entry:
	csrrw	sp, sscratch, sp
	beqz	sp, kernel_fault
	sd	x1, 8(sp)
	.irp	n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8*\n(sp)
	.endr
	csrrw	t0, sscratch, zero
	sd	t0, 16(sp)
	csrr	t1, sepc
	sd	t1, CONTEXT_PC(sp)
	csrr	a0, scause
	li	t0, CAUSE_ECALL
	addi	a1, sp, -TCB_CONTEXT	/* the thread whose context this is */
	lui	sp, %hi(_stack_top)	/* linked so that the rest of the address is 0 */
	bne	a0, t0, 1f
	ld	a0, 0(sp)		/* machine_kernel(): see _start */
	call	kernel_enter_syscall	/* returns the thread to resume, or 0 */
	.option	push
	.option	norvc			/* metal_flush_at_exit() may put another instruction here */
	.globl	leave
leave:	beqz	a0, idle
	.option	pop
	addi	sp, a0, TCB_CONTEXT
	ld	t1, CONTEXT_NEXT_PC(sp)	/* should a0 be nonsense, this is still a fault of the kernel */
	csrw	sscratch, sp
	csrw	sepc, t1
	sc.w	zero, zero, (sp)	/* no reservation survives the kernel */
	ld	x1, 8(sp)
	.irp	n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	ld	x\n, 8*\n(sp)
	.endr
	ld	sp, 16(sp)
	sret

1:	call	metal_trap		/* a0 = scause; returns likewise */
	j	leave

/* `leave` goes here where the hart has too few ASIDs: address spaces share them, and a change flushes. */
	.globl	leave_flushing
leave_flushing:
	csrr	t0, satp
	la	t1, flushed_satp
	ld	t2, 0(t1)
	beq	t0, t2, 2f
	sd	t0, 0(t1)
	srli	t0, t0, 44		/* its ASID */
	sfence.vma zero, t0
2:	beqz	a0, idle
	j	leave + 4
	.lcomm	flushed_satp, 8

/* Nothing to run: wait until an interrupt is pending, then deal with it. */
idle:	wfi
	la	sp, _stack_top
	call	metal_idle
	j	leave

/* A trap of the kernel itself: say where, and stop. */
kernel_fault:
	la	t0, fault_again
	csrw	stvec, t0
	la	sp, _fault_stack_top
	csrr	a0, scause
	csrr	a1, sepc
	csrr	a2, stval
	call	metal_kernel_fault

/* Saying it faults too: stop without a word, and if that faults, just stop. */
	.balign	4
fault_again:
	la	t0, 3f
	csrw	stvec, t0
	li	a0, 1
	call	metal_power_off
	.balign	4
3:	wfi
	j	3b

/* --- floating point: a0 = struct context ------------------------------------------------------------ */

	.option	arch, +d
	.globl	metal_fpu_save
	.type	metal_fpu_save, @function
metal_fpu_save:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fsd	f\n, CONTEXT_F+8*\n(a0)
	.endr
	frcsr	t0
	sd	t0, CONTEXT_FCSR(a0)
	ret

	.globl	metal_fpu_load
	.type	metal_fpu_load, @function
metal_fpu_load:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fld	f\n, CONTEXT_F+8*\n(a0)
	.endr
	ld	t0, CONTEXT_FCSR(a0)
	fscsr	t0
	ret
