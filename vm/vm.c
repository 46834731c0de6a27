/*
 * The VM's outside: making and destroying machines, running a hart, asking it to stop. What the
 * functions promise is in vm.h.
 */
#include <stdlib.h>

#include "vm/internal.h"

static bool memory_valid(const uint8_t *memory, uint64_t base, uint64_t size)
{
	return memory && size && base + size > base && !((base | size) & ~PAGE_MASK) &&
	       !((uintptr_t)memory & (uintptr_t)~PAGE_MASK) && size <= SIZE_MAX / 2;
}

static bool config_valid(const struct vm_config *config)
{
	if (!config->harts || !memory_valid(config->ram, config->ram_base, config->ram_size))
		return false;
	if (!config->region)
		return !config->region_size;
	return memory_valid(config->region, config->region_base, config->region_size) &&
	       config->region_base - config->ram_base >= config->ram_size &&
	       config->ram_base - config->region_base >= config->region_size;
}

struct vm *vm_create(const struct vm_config *config)
{
	struct vm *vm;
	bool made;

	if (!config_valid(config))
		return NULL;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return NULL;
	vm->config = *config;
	vm_decode_init(vm);
	vm->harts = calloc(config->harts, sizeof(*vm->harts));
	made = vm_blocks_create(vm) && vm->harts && vm_jit_create(vm);
	for (unsigned i = 0; i < config->harts && made; i++) {
		vm->harts[i].vm = vm;
		made = vm_spaces_create(&vm->harts[i]);
	}
	if (!made) {
		vm_destroy(vm);
		return NULL;
	}
	return vm;
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	for (unsigned i = 0; i < vm->config.harts && vm->harts; i++)
		free(vm->harts[i].spaces);
	free(vm->harts);
	vm_jit_destroy(vm);
	vm_blocks_destroy(vm);
	free(vm);
}

struct vm_hart *vm_hart(struct vm *vm, unsigned index)
{
	return index < vm->config.harts ? &vm->harts[index].pub : NULL;
}

/* The hart is to run a thread for so long: VM_GOES_ON, or the enum vm_stop for which it does not. */
static inline int begin(struct hart *h, struct vm_regs *regs, uint64_t budget)
{
	uint64_t slice = budget < SLICE ? budget : SLICE;

	h->regs = regs;
	h->budget = (int64_t)slice;
	h->reserve = budget - slice;
	h->slice_end = h->pub.instret + slice;
	if (unlikely(atomic_load_explicit(&h->stop, memory_order_relaxed))) {
		atomic_store_explicit(&h->stop, false, memory_order_relaxed);
		return VM_STOP_REQUEST;
	}
	if (unlikely(budget == 0))
		return VM_STOP_BUDGET;
	regs->x[0] = 0;
	regs->pc &= ~UINT64_C(1);
	if (unlikely(h->break_skip))
		h->break_skip = vm_break_at(h, regs->pc);
	return VM_GOES_ON;
}

/* The thread's registers are exact, and its owner's. */
static inline void end(struct hart *h)
{
	h->break_skip = false;
	h->regs->x[REG_SINK] = 0;
	if (unlikely(h->fp_live))
		vm_fp_leave(h, (uint64_t *)h->regs);
}

int vm_ecall(struct hart *h, uint64_t pc, int64_t left)
{
	const struct vm_config *config = &h->vm->config;
	struct vm_regs *regs;
	uint64_t budget, start;

	h->regs->pc = pc;
	h->pub.instret = h->slice_end - (uint64_t)left;
	end(h);
	start = vm_now(h->vm);
	regs = config->ecall ? config->ecall(config->ecall_context, &budget) : NULL;
	h->vm->stats.interpreted_ns -= vm_now(h->vm) - start;
	return regs ? begin(h, regs, budget) : VM_STOP_ECALL;
}

enum vm_stop vm_run(struct vm_hart *hart, struct vm_regs *regs, uint64_t budget)
{
	struct hart *h = (struct hart *)hart;
	int stop = begin(h, regs, budget);
	uint64_t start = vm_now(h->vm);

	if (stop != VM_GOES_ON)
		return (enum vm_stop)stop;
	stop = vm_interpret(h);
	h->vm->stats.interpreted_ns += vm_now(h->vm) - start;
	if (stop == VM_STOP_ECALL)
		return VM_STOP_ECALL;
	end(h);
	if (unlikely(h->watch_hit)) {
		h->watch_hit = false;
		return VM_STOP_WATCH;
	}
	return (enum vm_stop)stop;
}

void vm_hart_stop(struct vm_hart *hart)
{
	atomic_store_explicit(&((struct hart *)hart)->stop, true, memory_order_relaxed);
}

void vm_break_skip(struct vm_hart *hart)
{
	((struct hart *)hart)->break_skip = true;
}

void vm_hart_clear_reservation(struct vm_hart *hart)
{
	((struct hart *)hart)->reserved = false;
}

void vm_hart_save(const struct vm_hart *hart, struct vm_hart_state *state)
{
	const struct hart *h = (const struct hart *)hart;

	*state = (struct vm_hart_state){
		.instret = hart->instret,
		.reserved = h->reserved,
		.stop = atomic_load_explicit(&h->stop, memory_order_relaxed),
	};
	if (h->reserved) {
		state->reserved_vaddr = h->reserved_vaddr;
		state->reserved_value = h->reserved_value;
	}
}

void vm_hart_restore(struct vm_hart *hart, const struct vm_hart_state *state)
{
	struct hart *h = (struct hart *)hart;

	h->vm->stats.interpreted_insns += hart->instret - state->instret; /* nobody retired the difference */
	hart->instret = state->instret;
	h->reserved = state->reserved;
	h->reserved_vaddr = state->reserved_vaddr;
	h->reserved_value = state->reserved_value;
	atomic_store_explicit(&h->stop, state->stop, memory_order_relaxed);
}

void vm_get_stats(const struct vm *vm, struct vm_stats *stats)
{
	*stats = vm->stats;
	stats->interpreted_ns -= stats->native_ns;
	if (vm->config.timed)
		stats->native_ns -= stats->compile_ns;
	stats->interpreted_insns -= stats->native_insns;
	for (unsigned i = 0; i < vm->config.harts; i++)
		stats->interpreted_insns += vm->harts[i].pub.instret;
}
