/*
 * Memory that the nodes of one host share, for the root server: a machine has such a region, or none (under
 * QEMU there is none, nor on a node that was started without). It is device memory to the kernel, and memory
 * like any other to programs, but that what is in there is not zero at the start, that it is never executed,
 * and that no device's driver can have anything put there. What one node has stored another sees as RVWMO
 * says: who tells that something is there does it behind a fence, as if it were told on another processor
 * (C11's release and acquire do that).
 *
 * All nodes see the same offsets. What nobody uses is given away by the one whose share it is in: nobody else
 * knows of it.
 */
#pragma once

#include <stdbool.h>
#include <sel4/sel4.h>

struct sk_region {
	seL4_Word paddr, size;       /* bytes */
	seL4_Word share, share_size; /* this node's, from this offset on */
};

/* The machine's region; null: it has none. */
const struct sk_region *sk_region(void);

/* So many bytes of this node's share that nobody has got yet, in whole pages: their offset. False: there are
 * not as many. */
bool sk_region_take(seL4_Word size, seL4_Word *offset);

/* The 4 KiB frame at an offset of the region; asked again, the same one. 0: there is none. */
seL4_CPtr sk_region_frame(seL4_Word offset);

/*
 * Whole pages of the region, mapped in an address space: each time they are asked for, anew. Of the frames
 * copies are mapped, which are left in the root CNode: what is mapped is for good.
 */
seL4_Error sk_region_map_at(seL4_CPtr vspace, seL4_Word vaddr, seL4_Word offset, seL4_Word size,
			    seL4_CapRights_t rights);
/* The same in our own address space, where there is room; null: the region has no such pages. */
void *sk_region_map(seL4_Word offset, seL4_Word size);
