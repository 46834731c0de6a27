/* The bare-metal kernel, carried inside the program so that `skerry image` needs no other file. */
	.section .rodata
	.globl	metal_kernel, metal_kernel_end
	.balign	8
metal_kernel:
	.incbin	METAL_KERNEL
metal_kernel_end:
	.section .note.GNU-stack, "", @progbits
