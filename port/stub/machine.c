/* The stub's half of port/machine.h: it does what must be done, and counts the rest. */
#define _GNU_SOURCE
#include "isa_vspace.h"
#include "port/stub/stub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes behind the window, so that an object at its very end can be read whole. */
#define WINDOW_SLACK 0x10000ull

_Static_assert(KERNEL_STATE_PADDR - STUB_RAM_BASE == 0x300000, "where machine_kernel() looks");

struct stub_window stub_window;
struct stub stub;
static uint8_t *created; /* memory of stub_create(), or NULL */

bool stub_create(uint64_t ram_size)
{
	stub_destroy();
	created = calloc(1, ram_size + WINDOW_SLACK);
	if (!created)
		return false;
	stub_window.ram = created;
	stub_window.mask = ram_size - 1;
	stub = (struct stub){.ram_size = ram_size};
	return true;
}

void stub_destroy(void)
{
	free(created);
	created = NULL;
	stub_window.ram = NULL;
}

bool stub_save(struct stub_saved *saved)
{
	uint64_t size = stub.ram_size + WINDOW_SLACK;
	int file = memfd_create("stub", 0);
	uint8_t *room = mmap(NULL, size + WINDOW_SLACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool kept = file >= 0 && room != MAP_FAILED && write(file, stub_window.ram, size) == (ssize_t)size &&
		    mmap(room, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED;

	if (file >= 0)
		close(file);
	if (!kept)
		return false;
	*saved = (struct stub_saved){.ram = room, .size = size, .mask = stub_window.mask, .stub = stub};
	return true;
}

void stub_restore(const struct stub_saved *saved)
{
	stub_destroy();
	/* What was written since goes, and the file shows again. */
	madvise(saved->ram, saved->size, MADV_DONTNEED);
	stub_window.ram = saved->ram;
	stub_window.mask = saved->mask;
	stub = saved->stub;
}

void stub_raise(unsigned irq)
{
	stub.pending[irq / 64] |= 1ull << (irq % 64);
}

/* --- memory ------------------------------------------------------------------------------------- */

void machine_memory_written(uint64_t paddr, uint64_t size)
{
	(void)paddr;
	stub.written_bytes += size;
}

void machine_memory_clear(uint64_t paddr, uint64_t size)
{
	memset(machine_pointer(isa_kref(paddr)), 0, size);
	stub.cleared_bytes += size;
}

void machine_vspace_init(uint64_t root_paddr)
{
	(void)root_paddr;
}

/* --- translation -------------------------------------------------------------------------------- */

void machine_set_vspace(uint64_t space)
{
	stub.root_paddr = satp_root(space);
	stub.asid = satp_asid(space);
	stub.vspace_switches++;
}

void machine_flush_page(uint16_t asid, uint64_t vaddr, unsigned bits)
{
	(void)asid;
	(void)vaddr;
	(void)bits;
	stub.page_flushes++;
}

void machine_flush_asid(uint16_t asid)
{
	(void)asid;
	stub.asid_flushes++;
	stub.root_at_flush = stub.root_paddr;
}

void machine_flush_all(void)
{
	stub.asid_flushes++;
	stub.root_at_flush = stub.root_paddr;
}

/* --- floating point ----------------------------------------------------------------------------- */

void machine_set_fpu(struct tcb *tcb, bool enabled)
{
	(void)tcb;
	stub.fpu = enabled;
}

void machine_fpu_release(struct tcb *tcb)
{
	(void)tcb;
}

/* --- interrupts --------------------------------------------------------------------------------- */

unsigned machine_irq_max(void)
{
	return STUB_IRQ_MAX;
}

unsigned machine_irq_claim(void)
{
	for (unsigned word = 0; word < 2; word++) {
		uint64_t waiting = stub.pending[word] & ~stub.masked[word];

		if (waiting)
			return word * 64 + (unsigned)__builtin_ctzll(waiting);
	}
	return MACHINE_IRQ_NONE;
}

void machine_irq_set_masked(unsigned irq, bool masked)
{
	uint64_t bit = 1ull << (irq % 64);

	if (masked)
		stub.masked[irq / 64] |= bit;
	else
		stub.masked[irq / 64] &= ~bit;
}

/* The device is content as soon as the kernel is: its line falls. */
void machine_irq_complete(unsigned irq)
{
	stub.pending[irq / 64] &= ~(1ull << (irq % 64));
}

bool machine_preempt_step(void)
{
	uintptr_t stack = (uintptr_t)__builtin_frame_address(0);

	if (stub.stack_low == 0 || stack < stub.stack_low)
		stub.stack_low = stack;
	stub.preempt_steps++;
	if (stub.tick_every_step && stub.preempt_steps > stub.tick_from)
		stub_raise(STUB_IRQ_MAX);
	return machine_irq_claim() != MACHINE_IRQ_NONE;
}

/* --- console, end ------------------------------------------------------------------------------- */

void machine_console_putc(char c)
{
	if (stub.console_length < STUB_CONSOLE_SIZE - 1)
		stub.console[stub.console_length++] = c;
}

void machine_unhandled_fault(struct tcb *tcb, struct lookup_failure failure)
{
	(void)tcb;
	(void)failure;
	stub.unhandled_faults++;
}

void machine_halt(void)
{
	stub.halted = true;
}
