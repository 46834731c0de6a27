/* Files that are written from their beginning. */
#define _GNU_SOURCE
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct host_output {
	int fd;
	char *path, *written; /* `written` becomes `path` at the end; NULL: it is that from the beginning */
};

static void output_free(struct host_output *output)
{
	int error = errno;

	if (output->fd >= 0)
		close(output->fd);
	free(output->path);
	free(output->written);
	free(output);
	errno = error;
}

struct host_output *host_output_create(const char *path, bool visible)
{
	struct host_output *output = calloc(1, sizeof *output);
	struct stat about;

	if (!output)
		return NULL;
	output->fd = -1;
	output->path = strdup(path);
	/* What is not a regular file (/dev/stdout, a pipe) cannot be replaced. */
	if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
		visible = true;
	if (output->path && !visible && asprintf(&output->written, "%s.part", path) < 0)
		output->written = NULL;
	if (output->path && (visible || output->written))
		output->fd = open(visible ? path : output->written, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
				  0666);
	if (output->fd >= 0)
		return output;
	output_free(output);
	return NULL;
}

/* The file has a name that others can guess, in a folder where they can make files. */
struct host_output *host_profile_create(void)
{
	struct host_output *output = calloc(1, sizeof *output);

	if (!output)
		return NULL;
	output->fd = -1;
	if (asprintf(&output->path, "/tmp/perf-%ld.map", (long)getpid()) < 0)
		output->path = NULL;
	if (output->path && (unlink(output->path) == 0 || errno == ENOENT))
		output->fd = open(output->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (output->fd >= 0)
		return output;
	output_free(output);
	return NULL;
}

bool host_output_possible(const char *path)
{
	struct host_output *output;
	struct stat about;

	/* To open a pipe, for example, would be seen by who reads it. */
	if (stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
		return true;
	output = host_output_create(path, false);
	if (output)
		host_output_abandon(output);
	return output;
}

bool host_output_write(struct host_output *output, const void *bytes, size_t size)
{
	const char *cursor = bytes;

	while (size > 0) {
		ssize_t written = write(output->fd, cursor, size);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			cursor += written;
			size -= (size_t)written;
		}
	}
	return true;
}

bool host_output_write_at(struct host_output *output, uint64_t offset, const void *bytes, size_t size)
{
	return pwrite(output->fd, bytes, size, (off_t)offset) == (ssize_t)size;
}

bool host_output_finish(struct host_output *output)
{
	bool good = close(output->fd) == 0;

	output->fd = -1;
	if (good && output->written)
		good = rename(output->written, output->path) == 0;
	output_free(output);
	return good;
}

void host_output_abandon(struct host_output *output)
{
	if (output->written)
		unlink(output->written);
	output_free(output);
}
