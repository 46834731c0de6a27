/* Interrupts: delivered as signals to the notification that a handler capability was given. */
#include "kernel/core/kernel.h"

void irq_handle(struct kernel *kernel, unsigned irq)
{
	struct cap cap;

	if (kernel->irq_state[irq] == IRQ_TIMER) {
		kernel->stats.ticks++;
		timer_tick(kernel);
		machine_irq_complete(irq);
		return;
	}
	/* Masked until the driver acknowledges it; with nobody to tell, until one is there and does. */
	cap = kernel->irq_slot[irq].cap;
	if (kernel->irq_state[irq] == IRQ_SIGNAL && cap_type(cap) == CAP_Notification &&
	    (cap_rights(cap) & RIGHT_WRITE))
		notification_signal(kernel, notification_at(cap_object(cap)), cap_badge(cap));
	machine_irq_set_masked(irq, true);
	machine_irq_complete(irq);
}

void irq_delete_handler(struct kernel *kernel, unsigned irq)
{
	slot_delete_simple(kernel, &kernel->irq_slot[irq]);
	kernel->irq_state[irq] = IRQ_INACTIVE;
	machine_irq_set_masked(irq, true);
}
