/*
 * See code_cache.h. There is a file for each root server, named by a number of its bytes: this head, and what
 * the node keeps. One that is damaged, or not of this very program and kind of processor, is not used, and
 * replaced.
 */
#include "cmd/code_cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/options.h"
#include "host/host.h"

#define MAGIC "Skerry code\n"

struct head {
	char magic[16];
	struct host_build build;
	uint64_t size, sum; /* of what follows */
};

static struct {
	struct host_folder *folder;
	const char *path;
	char name[32];
	void *file;
} cache;

/* A checksum, of bytes from several places. Four sums, for a processor does four as fast as one. */
static uint64_t sum(uint64_t sum, const uint8_t *bytes, uint64_t size)
{
	uint64_t lane[4] = {sum, 1, 2, 3}, word[4];

	for (; size > 0; bytes += sizeof word, size -= size < sizeof word ? size : sizeof word) {
		memset(word, 0, sizeof word);
		memcpy(word, bytes, size < sizeof word ? size : sizeof word);
		for (unsigned i = 0; i < 4; i++) {
			lane[i] = (lane[i] ^ word[i]) * 0x9e3779b97f4a7c15u;
			lane[i] ^= lane[i] >> 29;
		}
	}
	return ((lane[0] * 31 + lane[1]) * 31 + lane[2]) * 31 + lane[3];
}

static struct head head_of(const struct host_build *build, const uint8_t *bytes, uint64_t size)
{
	struct head head;

	memset(&head, 0, sizeof head);
	memcpy(head.magic, MAGIC, sizeof MAGIC);
	head.build = *build;
	head.size = size;
	head.sum = sum(size, bytes, size);
	return head;
}

/* Why the file is of no use; NULL: it is. */
static const char *use(struct node *node, const struct host_build *build, uint8_t *file, uint64_t size)
{
	struct head head, wanted;

	if (size < sizeof head || memcmp(file, MAGIC, sizeof MAGIC) != 0)
		return "it is no file of that kind";
	memcpy(&head, file, sizeof head);
	if (memcmp(&head.build, build, sizeof *build) != 0)
		return "it was made by another build of skerry";
	wanted = head_of(build, file + sizeof head, size - sizeof head);
	if (memcmp(&head, &wanted, sizeof head) != 0)
		return "it is damaged";
	if (!node_code_keep(node, file + sizeof head, size - sizeof head))
		return "it was made on another kind of processor";
	return NULL;
}

bool code_cache_begin(struct node *node, const struct image *image, const char *folder)
{
	struct host_build build;
	const char *why = NULL;
	uint64_t size = 0;

	if (!host_build(&build)) {
		complain(
			"--code-cache: this skerry was linked without a build ID, by which to know its code");
		return false;
	}
	cache.folder = host_folder_open(folder);
	if (!cache.folder) {
		complain("--code-cache %s: %s; it must be a folder that only you can write to", folder,
			 host_error());
		return false;
	}
	cache.path = folder;
	snprintf(cache.name, sizeof cache.name, "%016" PRIx64 ".code",
		 sum(image->user.size, image->user.data, image->user.size));
	cache.file = host_folder_load(cache.folder, cache.name, &size);
	if (cache.file)
		why = use(node, &build, cache.file, size);
	else if (host_folder_has(cache.folder, cache.name))
		why = host_error();
	if (why)
		complain("%s/%s is not used: %s", folder, cache.name, why);
	if (!cache.file || why)
		node_code_keep(node, NULL, 0);
	return true;
}

static void write_kept(const struct vm_kept_code *kept)
{
	uint64_t size = kept->size[0] + kept->size[1];
	struct head *file = malloc(sizeof *file + size);
	uint8_t *bytes = (uint8_t *)(file + 1);
	struct host_build build;
	bool good = file && host_build(&build);

	if (good) {
		if (kept->size[0])
			memcpy(bytes, kept->part[0], kept->size[0]);
		memcpy(bytes + kept->size[0], kept->part[1], kept->size[1]);
		*file = head_of(&build, bytes, size);
		good = host_folder_save(cache.folder, cache.name, file, sizeof *file + size);
	}
	if (!good)
		complain("cannot write %s/%s: %s", cache.path, cache.name, host_error());
	free(file);
}

void code_cache_end(struct node *node)
{
	struct vm_kept_code kept;

	if (node && cache.folder && node_code_kept(node, &kept))
		write_kept(&kept);
	if (cache.folder)
		host_folder_close(cache.folder);
	cache.folder = NULL;
}

void code_cache_free(void)
{
	free(cache.file);
	cache.file = NULL;
}
