/* Memory for code from Linux: one nameless file, mapped twice. */
#define _GNU_SOURCE
#include "host/host.h"

#include <sys/mman.h>
#include <unistd.h>

bool host_code_reserve(uint64_t size, void **write, void **run)
{
	int file = memfd_create("skerry-code", MFD_CLOEXEC);
	bool made = file >= 0 && ftruncate(file, (off_t)size) == 0;

	*write = *run = MAP_FAILED;
	if (made)
		*write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (*write != MAP_FAILED)
		*run = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
	if (file >= 0)
		close(file);
	if (*run != MAP_FAILED)
		return true;
	if (*write != MAP_FAILED)
		munmap(*write, size);
	return false;
}

void host_code_release(uint64_t size, void *write, void *run)
{
	munmap(write, size);
	munmap(run, size);
}
