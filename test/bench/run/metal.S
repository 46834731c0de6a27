/*
 * A bare machine for `qemu-system-riscv64 -machine virt -bios none`: hart 0 enters here in M mode,
 * maps the first GiB of memory onto itself by Sv39 pages of 2 MiB, and runs the workload in U mode
 * with translation on, as a user program of a kernel would run. Its ecall comes back to `trap`,
 * which ends the run by the test finisher with the workload's status in a0; any other trap ends
 * it with status 99. There is no timer interrupt: nothing is preempted, in QEMU's favour.
 */
	.equ	MEMORY, 0x80000000
	.equ	FINISHER, 0x100000
	.equ	FINISHER_FAIL, 0x3333
	.equ	PAGES, 512
	.equ	PTE_TABLE, 0x01
	.equ	PTE_PAGE, 0xdf		/* D A U X W R V */
	.equ	SATP_SV39, 8
	.equ	MSTATUS_FS_INITIAL, 1 << 13
	.equ	CAUSE_ECALL_U, 8

	.section .text.start, "ax"
	.globl _start
_start:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	la	t0, trap
	csrw	mtvec, t0

	/* The root's entry 2 covers 0x80000000 to 0xbfffffff: one table, of 512 pages. */
	la	t0, root
	la	t1, table
	srli	t2, t1, 12
	slli	t2, t2, 10
	ori	t2, t2, PTE_TABLE
	sd	t2, 2 * 8(t0)
	li	t2, (MEMORY >> 12 << 10) | PTE_PAGE
	li	t3, PAGES
	li	t4, 1 << (21 - 12 + 10)
1:	sd	t2, 0(t1)
	add	t2, t2, t4
	addi	t1, t1, 8
	addi	t3, t3, -1
	bnez	t3, 1b

	srli	t0, t0, 12
	li	t1, SATP_SV39 << 60
	or	t0, t0, t1
	csrw	satp, t0
	sfence.vma

	/* Physical memory protection would otherwise forbid U mode everything. */
	li	t0, -1
	csrw	pmpaddr0, t0
	li	t0, 0x1f		/* NAPOT, X W R */
	csrw	pmpcfg0, t0

	li	t0, MSTATUS_FS_INITIAL	/* and MPP = U */
	csrw	mstatus, t0
	la	t0, user
	csrw	mepc, t0
	la	sp, stack_top
	mret

user:
	call	guest_run
	ecall

	.balign 4
trap:
	csrr	t0, mcause
	li	t1, CAUSE_ECALL_U
	beq	t0, t1, 1f
	li	a0, 99
1:	slli	a0, a0, 16
	li	t0, FINISHER_FAIL	/* QEMU exits with the upper half, 0 included */
	or	a0, a0, t0
	li	t0, FINISHER
	sw	a0, 0(t0)
1:	j	1b

	.bss
	.balign 4096
root:
	.skip	4096
table:
	.skip	4096
	.balign 16
	.skip	64 << 10
stack_top:
