/* Bits of an Sv39 page table entry. */
#ifndef SKERRY_VM_PTE_H
#define SKERRY_VM_PTE_H

#define PTE_V          UINT64_C(0x01)
#define PTE_R          UINT64_C(0x02)
#define PTE_W          UINT64_C(0x04)
#define PTE_X          UINT64_C(0x08)
#define PTE_U          UINT64_C(0x10)
#define PTE_A          UINT64_C(0x40)
#define PTE_D          UINT64_C(0x80)
#define PTE_RESERVED   UINT64_C(0xffc0000000000000) /* no Svnapot, no Svpbmt */
#define PTE_PADDR(pte) (((pte) >> 10 & ((UINT64_C(1) << 44) - 1)) << PAGE_BITS)

#endif
