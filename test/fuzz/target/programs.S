/* Programs for the targets that run some. */
	.macro	program name, file
	.globl	\name\()_program, \name\()_program_end
\name\()_program:
	.incbin	"\file"
\name\()_program_end:
	.endm

	.section .rodata
	program	tour, tour_FILE
	program	virtio, virtio_FILE
	program	random, random_FILE
	.section .note.GNU-stack, "", @progbits
