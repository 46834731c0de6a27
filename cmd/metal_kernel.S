/* The bare-metal kernels, carried inside the program so that `skerry image` needs no other file. */
	.macro	kernel name, file
	.globl	\name, \name\()_end
	.balign	8
\name:
	.incbin	"\file"
\name\()_end:
	.endm

	.section .rodata
	kernel	metal_kernel, METAL_KERNEL
	kernel	metal_release_kernel, METAL_RELEASE_KERNEL
	.section .note.GNU-stack, "", @progbits
