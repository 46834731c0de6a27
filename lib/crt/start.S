/*
 * The first instructions of a root server. The kernel sets a0 (boot information) and nothing else:
 * no stack, no global pointer, no thread pointer.
 */
	.section .text._start, "ax"
	.globl _start
	.type _start, @function
_start:
	.option push
	.option norelax
	la gp, __global_pointer$
	.option pop
	la sp, crt_main_stack_end
	mv fp, zero
	mv ra, zero
	call crt_start
	unimp

	.bss
	.balign 4096
	.skip 64 * 1024
crt_main_stack_end:
