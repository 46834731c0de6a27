/*
 * The virt board as the kernel uses it: PLIC, the firmware's timer, UART, test finisher. Everything here
 * is what a real board with a PLIC and an ns16550 has too, but for the finisher.
 */
#include "port/metal-riscv64/metal.h"

#define UART_THR       0x10000000ull
#define UART_LSR       0x10000005ull
#define LSR_THRE       0x20

#define FINISHER       0x100000ull
#define FINISHER_PASS  0x5555u
#define FINISHER_FAIL  0x3333u

#define PLIC           0xc000000ull
#define PLIC_PENDING   (PLIC + 0x1000)
#define PLIC_ENABLE    (PLIC + 0x2000)
#define PLIC_THRESHOLD (PLIC + 0x200000)
#define PLIC_CLAIM     (PLIC + 0x200004)
#define PLIC_LINES     96 /* QEMU's virt has lines 1 to 95; the timer gets the next number */
#define IRQ_MAX        PLIC_LINES

#define SBI_TIMER      0x54494d45

static uint64_t plic_context;           /* of this hart's supervisor mode */
static uint64_t next_tick, tick_counts; /* in counts of `time` */

/* --- console, end ------------------------------------------------------------------------------ */

void machine_console_putc(char c)
{
	volatile uint8_t *thr = (volatile uint8_t *)isa_kref(UART_THR);
	volatile uint8_t *lsr = (volatile uint8_t *)isa_kref(UART_LSR);

	while (!(*lsr & LSR_THRE))
		;
	*thr = (uint8_t)c;
}

void metal_print(const char *text)
{
	while (*text)
		machine_console_putc(*text++);
}

void metal_print_hex(uint64_t value)
{
	metal_print("0x");
	for (int shift = 60; shift >= 0; shift -= 4)
		machine_console_putc("0123456789abcdef"[value >> shift & 15]);
}

void metal_power_off(unsigned status)
{
	*device_word(FINISHER) = status ? FINISHER_FAIL | status << 16 : FINISHER_PASS;
	for (;;)
		__asm__ volatile("wfi");
}

void machine_halt(void)
{
	metal_power_off(1);
}

/* --- interrupts and time ------------------------------------------------------------------------- */

static void set_timer(uint64_t count)
{
	register uint64_t a0 __asm__("a0") = count;
	register uint64_t a6 __asm__("a6") = 0;
	register uint64_t a7 __asm__("a7") = SBI_TIMER;

	__asm__ volatile("ecall" : "+r"(a0) : "r"(a6), "r"(a7) : "a1", "memory");
}

void metal_interrupts_init(uint64_t hart, uint64_t timer_hz)
{
	plic_context = 2 * hart + 1;
	tick_counts = TICK_NS * timer_hz / 1000000000ull;
	for (unsigned line = 1; line < PLIC_LINES; line++)
		*device_word(PLIC + 4 * line) = 1;
	*device_word(PLIC_THRESHOLD + 0x1000 * plic_context) = 0;
	next_tick = CSR_READ(time) + tick_counts;
	set_timer(next_tick);
	CSR_WRITE(sie, SIP_STIP | SIP_SEIP);
}

bool metal_interrupts_possible(void)
{
	uint32_t enabled = 0;

	for (unsigned word = 0; word < PLIC_LINES / 32; word++)
		enabled |= *device_word(PLIC_ENABLE + 0x80 * plic_context + 4 * word);
	return enabled;
}

unsigned machine_irq_max(void)
{
	return IRQ_MAX;
}

unsigned machine_irq_claim(void)
{
	uint64_t pending = CSR_READ(sip);
	unsigned irq;

	if (pending & SIP_SEIP) {
		/*
		 * Completed at once: a masked line could not be later. If that makes it pending again, the
		 * line is still high: nobody would get to the driver's first instruction, so it stays masked
		 * until the driver acknowledges it. (QEMU's PLIC looks at changes of lines only.)
		 */
		irq = *device_word(PLIC_CLAIM + 0x1000 * plic_context);
		if (irq) {
			*device_word(PLIC_CLAIM + 0x1000 * plic_context) = irq;
			if (*device_word(PLIC_PENDING + irq / 32 * 4) >> irq % 32 & 1)
				machine_irq_set_masked(irq, true);
			return irq;
		}
	}
	return pending & SIP_STIP ? IRQ_MAX : MACHINE_IRQ_NONE;
}

void machine_irq_set_masked(unsigned irq, bool masked)
{
	volatile uint32_t *enable = device_word(PLIC_ENABLE + 0x80 * plic_context + irq / 32 * 4);

	if (irq >= PLIC_LINES)
		return;
	if (masked)
		*enable &= ~(1u << (irq % 32));
	else
		*enable |= 1u << (irq % 32);
}

void machine_irq_complete(unsigned irq)
{
	uint64_t now;

	if (irq != IRQ_MAX)
		return;
	now = CSR_READ(time);
	next_tick += tick_counts;
	if (next_tick <= now)
		next_tick = now + tick_counts;
	set_timer(next_tick);
}

bool machine_preempt_step(void)
{
	return CSR_READ(sip) & (SIP_STIP | SIP_SEIP);
}

/* --- floating point: one thread owns the unit, the others' first use traps -------------------- */

void metal_fpu_save(struct context *context);
void metal_fpu_load(const struct context *context);

const struct tcb *metal_fpu_owner;
bool metal_fpu_on;

/* In the owner's TCB lie the values that the registers had when it last lost them. */
static struct context *owner_context(void)
{
	return &tcb_at(machine_ref(metal_fpu_owner))->context;
}

void machine_fpu_release(struct tcb *tcb)
{
	if (metal_fpu_owner != tcb)
		return;
	metal_fpu_owner = NULL;
	metal_fpu_set(false);
}

/* Does the instruction need the unit? (ISA manual, opcode map and chapter on C) */
static bool is_fp_instruction(uint32_t word)
{
	uint32_t csr = word >> 20;

	if ((word & 3) != 3) {
		uint32_t quadrant_funct = (word & 3) | (word >> 13 & 7) << 2;

		/* c.fld, c.fsd, c.fldsp, c.fsdsp */
		return quadrant_funct == 0x04 || quadrant_funct == 0x14 || quadrant_funct == 0x06 ||
		       quadrant_funct == 0x16;
	}
	switch (word & 0x7f) {
	case 0x07: /* loads, stores */
	case 0x27:
	case 0x43: /* fused multiply-add */
	case 0x47:
	case 0x4b:
	case 0x4f:
	case 0x53: /* everything else */
		return true;
	case 0x73: /* fflags, frm, fcsr */
		return (word >> 12 & 7) != 0 && csr >= 1 && csr <= 3;
	default:
		return false;
	}
}

bool metal_fpu_claim(struct tcb *tcb, uint32_t instruction)
{
	if ((tcb->flags & seL4_TCBFlag_fpuDisabled) || metal_fpu_owner == tcb ||
	    !is_fp_instruction(instruction))
		return false;
	metal_fpu_set(true);
	if (metal_fpu_owner)
		metal_fpu_save(owner_context());
	metal_fpu_load(&tcb->context);
	metal_fpu_owner = tcb;
	return true;
}
