/*
 * Memory from Linux: private anonymous mappings without swap reservation, so that a large guest costs
 * only the pages it touches.
 */
#include "host/host.h"

#include <sys/mman.h>

void *host_memory_reserve(uint64_t size)
{
	void *memory;

	if (size == 0 || size > SIZE_MAX)
		return NULL;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

void host_memory_release(void *memory, uint64_t size)
{
	if (memory)
		munmap(memory, size);
}
