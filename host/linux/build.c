/* Which build of this program runs: the linker's note about what it has linked. */
#define _GNU_SOURCE
#include "host/host.h"

#include <elf.h>
#include <link.h>
#include <string.h>

static int find(struct dl_phdr_info *object, size_t size, void *context)
{
	struct host_build *build = context;

	(void)size;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];
		const uint8_t *note = (const uint8_t *)(object->dlpi_addr + header->p_vaddr);
		const uint8_t *end = note + header->p_memsz;

		while (header->p_type == PT_NOTE && end - note >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
			const ElfW(Nhdr) *head = (const ElfW(Nhdr) *)note;
			const uint8_t *name = note + sizeof(*head),
				      *text = name + (head->n_namesz + 3) / 4 * 4;

			if (head->n_type == NT_GNU_BUILD_ID && head->n_namesz == 4 &&
			    memcmp(name, "GNU", 4) == 0 && head->n_descsz <= sizeof build->id)
				memcpy(build->id, text, head->n_descsz);
			note = text + (head->n_descsz + 3) / 4 * 4;
		}
	}
	return 1; /* the first object is the program */
}

bool host_build(struct host_build *build)
{
	static const struct host_build none;

	*build = none;
	dl_iterate_phdr(find, build);
	return memcmp(build, &none, sizeof none) != 0;
}
