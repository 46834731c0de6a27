/*
 * All that workers execute: one page, mapped at STUB_ADDRESS in every process. An action is entered with all
 * registers set by the director, tp being the worker's page; no path jumps backwards, so none goes on for
 * ever, whatever the registers hold.
 */
#include "test/fuzz/guest_layout.h"

	.section .text.stub, "ax"
	.balign 4096
	.globl stub_page, stub_record, stub_syscall, stub_load, stub_store, stub_remap, stub_jump, stub_modify
	.globl stub_fp_set, stub_fp_get, stub_fp_compute, stub_illegal, stub_break
	.option norvc
stub_page:
/* a1 = address, a2 = width: 1, 2, 4 or 8 bytes */
stub_load:
	addi	t0, a2, -1
	beqz	t0, 1f
	addi	t0, a2, -2
	beqz	t0, 2f
	addi	t0, a2, -4
	beqz	t0, 4f
	ld	a0, 0(a1)
	j	stub_record
1:	lb	a0, 0(a1)
	j	stub_record
2:	lhu	a0, 0(a1)
	j	stub_record
4:	lwu	a0, 0(a1)
	j	stub_record

stub_store:
	addi	t0, a2, -1
	beqz	t0, 1f
	addi	t0, a2, -2
	beqz	t0, 2f
	addi	t0, a2, -4
	beqz	t0, 4f
	sd	a3, 0(a1)
	j	stub_record
1:	sb	a3, 0(a1)
	j	stub_record
2:	sh	a3, 0(a1)
	j	stub_record
4:	sw	a3, 0(a1)
	j	stub_record

/*
 * Three calls (their a0..a3 in a0..a3, s2..s5, s6..s9) and between them accesses at s1, with nobody else
 * running: translations that should be gone are used if they are not.
 */
stub_remap:
	ecall
	mv	a0, s2
	mv	a1, s3
	mv	a2, s4
	mv	a3, s5
	ecall
	sd	s10, 0(s1)
	ld	s11, 8(s1)
	mv	a0, s6
	mv	a1, s7
	mv	a2, s8
	mv	a3, s9
	ecall
	ld	s10, 0(s1)
	sd	s11, 8(s1)
	j	stub_record

stub_jump:
	jr	a1

/* a1 = address, a2..a4 = instructions */
stub_modify:
	sw	a2, 0(a1)
	sw	a3, 4(a1)
	sw	a4, 8(a1)
	fence.i
	jr	a1

stub_fp_set:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fld	f\n, PAGE_F_IN+8*\n(tp)
	.endr
	ld	t0, PAGE_F_IN+256(tp)
	fscsr	t0
	j	stub_record

stub_fp_get:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fsd	f\n, PAGE_F_OUT+8*\n(tp)
	.endr
	frcsr	t0
	sd	t0, PAGE_F_OUT+256(tp)
	j	stub_record

/* On what the registers hold, which another action may have set long ago. */
stub_fp_compute:
	fcvt.d.l f1, a0
	fadd.d	f2, f3, f1
	fmul.d	f4, f2, f1
	fmax.d	f5, f4, f6
	fcvt.l.d a3, f2, rtz
	fclass.d a4, f4
	fmv.x.d	a5, f5
	j	stub_record

stub_break:
	ebreak

stub_illegal:
	unimp

/*
 * Every register that the call does not need holds something else than what the director wrote: that would
 * come back even if the kernel did not save it.
 */
stub_syscall:
	.irp	n, 1,2,3,8,9,18,19,20,21,22,23,24,25,26,27,16,5,6,7,28,29,30,31
	xori	x\n, x\n, 0x155
	.endr
	ecall

/* Notes all registers, says who is done, and stops. */
stub_record:
	.irp	n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	sd	x\n, 8*\n(tp)
	.endr
	ld	t0, PAGE_NUMBER(tp)
	sd	t0, PAGE_DONE(tp)
	li	t0, LOG_ADDRESS
	ld	t1, 0(t0)
	addi	t2, t1, 1
	sd	t2, 0(t0)
	andi	t1, t1, LOG_ENTRIES-1
	slli	t1, t1, 3
	add	t1, t1, t0
	ld	t2, PAGE_WORKER(tp)
	sd	t2, 8(t1)
	li	a7, -1			/* Call */
	ld	a0, PAGE_PARK_CAP(tp)
	ld	a1, PAGE_PARK_INFO(tp)
	ld	a2, PAGE_NUMBER(tp)
	ecall
	unimp
	.balign 4096
