/*
 * Memory that the nodes of one host share, for the root server: a machine has such a region, or none (under
 * QEMU there is none, nor on a node that was started without). It is device memory to the kernel, and memory
 * like any other to programs, but that what is in there is not zero at the start, that it is never executed,
 * and that no device's driver can have anything put there. What one node has stored another sees as RVWMO
 * says: who tells that something is there does it behind a fence, as if it were told on another processor
 * (C11's release and acquire do that).
 *
 * All nodes see the same offsets. Parts of it have names, in a directory in its first page, which needs no
 * link: a part that one node has made is found by the others, also when they cannot hear each other, and
 * stays when its node ends, until the region does. Each node makes parts of its own share only.
 *
 * What is in there may be changed by any of the nodes at any time, the directory too: offsets from it are
 * checked to be in the region, and nothing else can be.
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

#define SK_REGION_NAME 32 /* bytes of a name, with its end */

enum sk_region_result {
	SK_REGION_OK,
	SK_REGION_ABSENT, /* the machine has no region */
	SK_REGION_EXISTS, /* somebody has made, or is making, a part of that name */
	SK_REGION_FULL,   /* there is not so much left of our share, or the directory has no place */
	SK_REGION_NONE,   /* nobody has made one of that name, or not yet */
};

/* Makes a part of `size` bytes, in whole pages, which are as they are: zeros, if nobody has written there. */
enum sk_region_result sk_region_create(const char *name, seL4_Word size, seL4_Word *offset);
/* Where the part of that name is. */
enum sk_region_result sk_region_lookup(const char *name, seL4_Word *offset, seL4_Word *size);

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
