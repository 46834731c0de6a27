/*
 * Memory from Linux: private anonymous mappings without swap reservation, so that a large guest costs
 * only the pages it touches.
 */
#define _GNU_SOURCE
#include "host/host.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_SIZE 4096

void *host_memory_reserve(uint64_t size)
{
	void *memory;

	if (size == 0 || size > SIZE_MAX)
		return NULL;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

void *host_memory_reserve_huge(uint64_t size)
{
	uint8_t *memory = host_memory_reserve(2 * size), *aligned;

	if (!memory)
		return NULL;
	aligned = (uint8_t *)(((uintptr_t)memory + size - 1) & ~((uintptr_t)size - 1));
	if (aligned > memory)
		munmap(memory, (size_t)(aligned - memory));
	munmap(aligned + size, (size_t)(memory + size - aligned));
	madvise(aligned, size, MADV_HUGEPAGE);
	return aligned;
}

void host_memory_release(void *memory, uint64_t size)
{
	if (memory)
		munmap(memory, size);
}

/*
 * /proc/self/pagemap has a word for each page: bit 63, it is in memory, bit 62, it is in swap. (mincore()
 * does not tell what is in swap from what never was.)
 */
void host_memory_touched(void *memory, uint64_t size, uint8_t *touched)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t pages = size / PAGE_SIZE, first = (uintptr_t)memory / PAGE_SIZE, done = 0, word[4096];

	while (fd >= 0 && done < pages) {
		uint64_t wanted = pages - done < 4096 ? pages - done : 4096;
		ssize_t got =
			pread(fd, word, wanted * sizeof word[0], (off_t)((first + done) * sizeof word[0]));

		if (got < (ssize_t)sizeof word[0])
			break;
		for (uint64_t i = 0; i < (uint64_t)got / sizeof word[0]; i++)
			touched[done++] = word[i] >> 62 != 0;
	}
	if (fd >= 0)
		close(fd);
	memset(touched + done, 1, pages - done);
}
