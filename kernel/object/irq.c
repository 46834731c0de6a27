/* Interrupts: delivered as signals to the notification that a handler capability was given. */
#include "kernel/core/kernel.h"

void irq_handle(struct kernel *kernel, unsigned irq)
{
	struct cap cap;

	if (kernel->irq_state[irq] == IRQ_TIMER) {
		COUNT(kernel->stats.ticks);
		timer_tick(kernel);
		machine_irq_complete(irq);
		return;
	}
	/* With nobody to tell, it is lost and masked, until a driver is there and acknowledges it. */
	cap = kernel->irq_slot[irq].cap;
	if (kernel->irq_state[irq] == IRQ_SIGNAL && cap_type(cap) == CAP_Notification &&
	    (cap_rights(cap) & RIGHT_WRITE))
		notification_signal(kernel, notification_at(cap_object(cap)), cap_badge(cap));
	else
		machine_irq_set_masked(irq, true);
	machine_irq_complete(irq);
}

void irq_release(struct kernel *kernel, unsigned irq)
{
	kernel->irq_state[irq] = IRQ_INACTIVE;
	machine_irq_set_masked(irq, true);
}
