/*
 * Memory for code from Linux: shared memory, mapped a second time by mremap() (2): an old size of 0 says so.
 * It has no file, which perf would take the names of code from.
 */
#define _GNU_SOURCE
#include "host/host.h"

#include <sys/mman.h>

bool host_code_reserve(uint64_t size, void **write, void **run)
{
	*run = MAP_FAILED;
	*write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (*write == MAP_FAILED)
		return false;
	*run = mremap(*write, 0, size, MREMAP_MAYMOVE);
	if (*run != MAP_FAILED && mprotect(*run, size, PROT_READ | PROT_EXEC) == 0)
		return true;
	if (*run != MAP_FAILED)
		munmap(*run, size);
	munmap(*write, size);
	return false;
}

void host_code_release(uint64_t size, void *write, void *run)
{
	munmap(write, size);
	munmap(run, size);
}
