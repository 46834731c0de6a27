/*
 * Driver for the link device: a virtio console with several named ports (VIRTIO_CONSOLE_F_MULTIPORT), legacy
 * or 1.0, on mmio. Skerry's is in slot 5; QEMU's is `virtio-serial-device` with a `virtserialport` for each
 * port, whose numbers begin at 1: so ports are known by their names.
 *
 * It makes no system call and allocates nothing: it lives where the device's page and some frames are mapped.
 * Whoever uses it waits for the interrupt:
 *
 *	link_begin(&link, registers, &memory);
 *	for (;;) {
 *		link_interrupt(&link);             // then nothing that comes is missed
 *		seL4_IRQHandler_Ack(irq);
 *		... link_read(), link_write() until there is nothing to do ...
 *		seL4_Wait(notification, NULL);
 *	}
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_IDS          10 /* the device's numbers for ports go up to here: eight links, control, and QEMU's 0 */
#define LINK_PORTS        9
#define LINK_BUFFERS      8    /* for each port, each way */
#define LINK_CHUNK        4096 /* bytes: most of one write */
#define LINK_ENTRIES      16   /* of each queue; buffers for control messages, each way */
#define LINK_NAME         32
#define LINK_RING         1024 /* bytes for each queue */
#define LINK_QUEUES       (2 * (LINK_IDS + 1))
#define LINK_OVERHEAD     ((LINK_QUEUES * LINK_RING + 4095) / 4096 + 1) /* pages beside those of ports */

/* Pages that so many ports need. */
#define LINK_PAGES(ports) (LINK_OVERHEAD + (ports)*2 * LINK_BUFFERS)

/* Frames mapped one after the other, readable and writable; the i-th has the physical address paddr[i]. */
struct link_memory {
	void *at;
	const uint64_t *paddr;
	unsigned pages;
};

struct link_queue {
	volatile struct link_ring *ring; /* NULL: the device has no such queue */
	uint16_t free;                   /* a bit for each buffer that is ours */
	uint16_t seen;                   /* entries of the used ring */
};

struct link_port {
	char name[LINK_NAME]; /* empty until the device has said it */
	uint32_t id;
	bool open;       /* the other end */
	uint32_t opened; /* how often it was: a change says that there may be somebody new */
	unsigned first;  /* page of the first buffer; those for receiving come first */
	uint32_t read;   /* bytes already taken from the buffer at hand */
	struct link_queue receive, send;
};

struct link {
	volatile uint8_t *registers;
	struct link_memory memory;
	unsigned pages; /* in use */
	bool modern;
	struct link_queue receive, send; /* of control messages */
	unsigned ports;
	unsigned ready; /* of these, so many the device knows to be */
	struct link_port port[LINK_PORTS];
	bool too_many; /* there were more ports than memory or room */
};

/* Finds the device and asks it for its ports, whose names come later. False: there is none there. */
bool link_begin(struct link *link, volatile void *registers, const struct link_memory *memory);

/* Acknowledges the device's interrupt and takes what it says of ports. */
void link_interrupt(struct link *link);

/*
 * Sends `size` bytes, up to LINK_CHUNK, as one chain. False: there is no room; an interrupt comes when there
 * is. What is sent while the other end is closed is lost.
 */
bool link_write(struct link *link, unsigned port, const void *bytes, size_t size);

/* Takes what has come, up to `size` bytes. */
size_t link_read(struct link *link, unsigned port, void *bytes, size_t size);
