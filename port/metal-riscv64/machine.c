/*
 * Bare metal riscv64: boot, traps, translation. The rest of port/machine.h is in devices.c (interrupts,
 * time, console, floating point) and tables.c (the kernel's address space).
 */
#include <string.h>

#include "port/metal-riscv64/metal.h"
#include "port/isa-riscv64/sv39.h"

_Static_assert(offsetof(struct tcb, context) == 160, "start.S");
_Static_assert(offsetof(struct context, pc) == 264, "start.S");
_Static_assert(offsetof(struct context, f) == 272, "start.S");
_Static_assert(offsetof(struct context, fcsr) == 528, "start.S");
_Static_assert(offsetof(struct tcb, next_pc) == 160 + 536, "start.S");
_Static_assert(KERNEL_STATE_PADDR == 0x80300000, "machine_kernel()");

#define CAUSE_INTERRUPT (1ull << 63)
#define CAUSE_ILLEGAL   2
#define TIMER_HZ        10000000ull /* of QEMU's virt, should the device tree not say */
#define PAGE_MASK       ((1ull << seL4_PageBits) - 1)

/* In the image's data, where `skerry image` finds and fills it. */
struct metal_config metal_config __attribute__((used, section(".data"))) = {
	.magic = METAL_CONFIG_MAGIC,
};

uint64_t metal_kernel_satp;

/* --- memory and translation -------------------------------------------------------------------- */

void machine_memory_written(uint64_t paddr, uint64_t size)
{
	/* Whoever executes what was delivered to it fences, as the ISA has it. */
	(void)paddr;
	(void)size;
}

void machine_memory_clear(uint64_t paddr, uint64_t size)
{
	memset(machine_pointer(isa_kref(paddr)), 0, size);
}

void machine_flush_page(uint16_t asid, uint64_t vaddr, unsigned bits)
{
	(void)bits; /* sfence.vma is about the leaf at vaddr, of any size */
	__asm__ volatile("sfence.vma %0, %1" ::"r"(vaddr), "r"((uint64_t)asid) : "memory");
}

void machine_flush_asid(uint16_t asid)
{
	__asm__ volatile("sfence.vma zero, %0" ::"r"((uint64_t)asid) : "memory");
}

void machine_flush_all(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

/* --- traps ----------------------------------------------------------------------------------------- */

/* The instruction that an illegal-instruction trap is about, where stval does not hold it. */
static uint32_t trapped_instruction(const struct tcb *tcb)
{
	uint64_t root = 0, word = CSR_READ(stval), pc = tcb->context.pc;
	uint16_t asid;
	uint32_t halves = 0;

	if (word || !isa_vspace(tcb->slot[TCB_VSPACE].cap, &root, &asid))
		return (uint32_t)word;
	for (unsigned i = 0; i < 2; i++, pc += 2) {
		struct walk walk = sv39_walk(isa_kref(root), pc);
		uint64_t offset = pc & ((1ull << level_bits(walk.level)) - 1);

		if (!(*walk.pte & PTE_X))
			break;
		halves |= (uint32_t)(*(uint16_t *)isa_kref(pte_paddr(*walk.pte) + offset)) << (16 * i);
	}
	return halves;
}

/* Every trap but system calls, which start.S hands to the kernel itself. */
struct tcb *metal_trap(uint64_t cause)
{
	static const struct trap interrupt = {.kind = TRAP_INTERRUPT};
	struct kernel *kernel = machine_kernel();
	struct tcb *current;
	struct trap trap;

	if (cause & CAUSE_INTERRUPT)
		return kernel_enter(kernel, &interrupt);
	if (cause == CAUSE_ILLEGAL) {
		current = tcb_at(this_core(kernel)->current);
		if (metal_fpu_claim(current, trapped_instruction(current))) {
			current->next_pc = current->context.pc;
			return current;
		}
	}
	trap = isa_exception_trap(cause, CSR_READ(stval));
	return kernel_enter(kernel, &trap);
}

struct tcb *metal_idle(void)
{
	static const struct trap interrupt = {.kind = TRAP_INTERRUPT};
	static bool told;
	struct kernel *kernel = machine_kernel();
	struct tcb *next = kernel_enter(kernel, &interrupt);

	/* The timer wakes nobody, it only moves on to the next domain. */
	if (!next && metal_config.attended && !told && kernel->profile.domains == 1 &&
	    !metal_interrupts_possible()) {
		told = true;
		metal_print(METAL_STUCK_MARK);
	}
	return next;
}

/* What scause says (privileged ISA, table 4.2); an interrupt cannot be the cause, they are off. */
static const char *cause_words(uint64_t cause)
{
	static const char words[][32] = {
		"misaligned instruction address",
		"instruction access fault",
		"illegal instruction",
		"breakpoint",
		"misaligned load",
		"load access fault",
		"misaligned store",
		"store access fault",
		[12] = "instruction page fault",
		[13] = "load page fault",
		[15] = "store page fault",
	};

	return cause < sizeof words / sizeof *words && *words[cause] ? words[cause] : "unknown cause";
}

__attribute__((cold)) _Noreturn void metal_kernel_fault(uint64_t cause, uint64_t pc, uint64_t address)
{
	extern char _stack_guard[];
	bool overflow = address - (uint64_t)_stack_guard < 1u << seL4_PageBits;

	metal_print("\r\nskerry: the kernel faulted: ");
	metal_print(overflow ? "stack overflow" : cause_words(cause));
	metal_print(" at ");
	metal_print_hex(pc);
	metal_print(cause == CAUSE_ILLEGAL ? " (instruction " : " (address ");
	metal_print_hex(address);
	metal_print(")\r\n");
	metal_power_off(1);
}

/* A person sees this where the kernel prints at all. */
void machine_unhandled_fault(struct tcb *tcb, struct lookup_failure failure)
{
	(void)failure;
	if (!SKERRY_DEBUG || !machine_kernel()->profile.printing)
		return;
	metal_print("skerry: thread \"");
	metal_print(tcb->name);
	metal_print("\" faulted and nobody handles it: fault ");
	metal_print_hex(tcb->fault.type);
	metal_print(" at ");
	metal_print_hex(tcb->context.pc);
	metal_print(", address ");
	metal_print_hex(tcb->fault.address);
	metal_print("\r\n");
}

/* --- boot ------------------------------------------------------------------------------------- */

static _Noreturn void boot_failed(const char *why)
{
	metal_print("skerry: cannot boot: ");
	metal_print(why);
	metal_print("\r\n");
	metal_power_off(1);
}

/* From the firmware: the image was linked in by `skerry image`, the device tree is the firmware's. */
static void from_firmware(const struct hand_over *hand_over, struct boot *boot)
{
	const void *fdt = machine_pointer(isa_kref(hand_over->a[1]));
	uint64_t size = fdt_size(fdt);

	if (metal_config.image_size == 0)
		boot_failed(
			"there is no root server in this image; `skerry image ROOT.elf -o FILE` makes one");
	boot->fdt = FDT_PADDR;
	boot->fdt_size = metal_config.fdt_size;
	if (boot->fdt_size == 0 && size > 0) {
		memmove(machine_pointer(isa_kref(FDT_PADDR)), fdt, size);
		boot->fdt_size = size;
	}
	boot->image = (struct region){IMAGE_PADDR, IMAGE_PADDR + metal_config.image_size};
	boot->image_vaddr = metal_config.image_vaddr;
	boot->entry = metal_config.entry;
}

/* From upstream's loader (boot.md §7). */
static void from_loader(const struct hand_over *hand_over, struct boot *boot)
{
	boot->image = (struct region){hand_over->a[0], hand_over->a[1]};
	boot->image_vaddr = hand_over->a[0] - hand_over->a[2];
	boot->entry = hand_over->a[3];
	boot->fdt = hand_over->a[4];
	boot->fdt_size = hand_over->a[5];
	boot->taken[boot->taken_count++] = (struct region){
		boot->fdt & ~PAGE_MASK, (boot->fdt + boot->fdt_size + PAGE_MASK) & ~PAGE_MASK};
}

__attribute__((cold)) struct tcb *metal_boot(const struct hand_over *hand_over)
{
	struct boot boot = {
		.ram = {KERNEL_PADDR, 0},
		.reserved = {{0x2000000, 0x2200000}, {0xc000000, 0xc600000}}, /* CLINT, PLIC */
		.reserved_count = 2,
	};
	uint64_t timer_hz = TIMER_HZ;
	const char *why;

	metal_kernel_satp = CSR_READ(satp);
	if (!metal_config.profile[0])
		strcpy(metal_config.profile, SKERRY_DEBUG ? "debug" : "release");
	if (!profile_find(metal_config.profile, &boot.profile))
		boot_failed("the ABI profile is unknown");
	if (metal_config.root_cnode_bits)
		boot.profile.root_cnode_bits = (uint8_t)metal_config.root_cnode_bits;
	if (metal_config.domains)
		boot.profile.domains = (uint8_t)metal_config.domains;
	if (hand_over->from_loader)
		from_loader(hand_over, &boot);
	else
		from_firmware(hand_over, &boot);
	boot.ram.end = metal_config.ram_end;
	if (boot.fdt_size && !fdt_read(machine_pointer(isa_kref(boot.fdt)), &boot, &timer_hz))
		boot_failed("the device tree reserves more pieces of memory than are provided for");
	if (boot.ram.end == 0)
		boot_failed("no device tree (of at most 64 KiB) says where memory ends");
	if (boot.ram.end > WINDOW_PADDR_END)
		boot.ram.end = WINDOW_PADDR_END;
	/* To user mode, of 64 bits; no access to its pages from here, no floating point yet. */
	CSR_WRITE(sstatus, SSTATUS_UXL_64);
	if (metal_asids() != SATP_ASIDS)
		metal_flush_at_exit();
	metal_interrupts_init(hand_over->from_loader ? 0 : hand_over->a[0], timer_hz);
	why = kernel_boot(machine_kernel(), &boot);
	if (why)
		boot_failed(why);
	/* From here on the image is fetched that a loader wrote, and the tables are walked that boot made. */
	__asm__ volatile("sfence.vma\n\tfence.i" ::: "memory");
	if (metal_config.attended)
		metal_print(METAL_START_MARK);
	return kernel_resume(machine_kernel());
}
