/* Supervisor CSRs and their fields (privileged ISA, chapter 4.1). */
#pragma once

#define CSR_READ(name)                                                                                       \
	({                                                                                                   \
		uint64_t csr_value;                                                                          \
		__asm__ volatile("csrr %0, " #name : "=r"(csr_value));                                       \
		csr_value;                                                                                   \
	})
#define CSR_WRITE(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define CSR_SET(name, value)   __asm__ volatile("csrs " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define CSR_CLEAR(name, value) __asm__ volatile("csrc " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

#define SIP_STIP               (1u << 5)
#define SIP_SEIP               (1u << 9)

#define SSTATUS_FS             (3u << 13)
#define SSTATUS_FS_ON          (2u << 13) /* clean */
#define SSTATUS_UXL_64         (2ull << 32)

#define SATP_ASIDS             (0xffffull << 44)
