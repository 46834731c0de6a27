/* Files of Linux: an image read whole, and disks (regular files and block devices). */
#define _GNU_SOURCE
#include "host/host.h"
#include "host/linux/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Closes without losing the reason of the failure. */
static void *fail(int fd, void *memory, int error)
{
	free(memory);
	if (fd >= 0)
		close(fd);
	errno = error;
	return NULL;
}

ssize_t file_read(int fd, uint8_t *buffer, size_t size, off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(fd, buffer + done, size - done, offset + (off_t)done);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -1;
		if (got > 0)
			done += (size_t)got;
	}
	return (ssize_t)done;
}

bool file_write(int fd, const uint8_t *cursor, uint64_t size, uint64_t offset)
{
	while (size > 0) {
		ssize_t written = pwrite(fd, cursor, size, (off_t)offset);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			cursor += written;
			offset += (uint64_t)written;
			size -= (uint64_t)written;
		}
	}
	return true;
}

static void *file_load(const char *path, uint64_t *size, bool private)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat about;
	ssize_t got;
	void *data;

	if (fd < 0 || fstat(fd, &about) != 0)
		return fail(fd, NULL, errno);
	if (!S_ISREG(about.st_mode))
		return fail(fd, NULL, S_ISDIR(about.st_mode) ? EISDIR : ENOTSUP);
	if (private && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return fail(fd, NULL, ERROR_NOT_PRIVATE);
	data = malloc((size_t)about.st_size + 1);
	if (!data)
		return fail(fd, NULL, ENOMEM);
	got = file_read(fd, data, (size_t)about.st_size, 0);
	if (got < 0)
		return fail(fd, data, errno);
	close(fd);
	*size = (uint64_t)got;
	return data;
}

void *host_file_load(const char *path, uint64_t *size)
{
	return file_load(path, size, false);
}

void *host_file_load_private(const char *path, uint64_t *size)
{
	return file_load(path, size, true);
}

bool host_file_create_private(const char *path, const void *bytes, uint64_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), error;
	bool good;

	if (fd < 0)
		return false;
	good = file_write(fd, bytes, size, 0) && fsync(fd) == 0;
	error = errno;
	if (!good)
		unlink(path);
	if (close(fd) == 0 && good)
		return true;
	errno = error;
	return false;
}

bool host_file_is_same(const char *path, const char *other)
{
	struct stat first, second;

	if (stat(path, &first) != 0 || stat(other, &second) != 0)
		return strcmp(path, other) == 0;
	return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

bool host_file_save(const char *path, const void *bytes, uint64_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), error = 0;
	const char *rest = bytes;
	struct stat about;
	ssize_t put;

	if (fd < 0)
		return fail(-1, NULL, errno) != NULL;
	for (; size > 0 && error == 0; rest += put, size -= (uint64_t)put) {
		put = write(fd, rest, size);
		if (put < 0) {
			error = errno == EINTR ? 0 : errno;
			put = 0;
		}
	}
	if (error && fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
		unlink(path);
	if (close(fd) != 0 && error == 0)
		error = errno;
	return error == 0 || fail(-1, NULL, error) != NULL;
}

struct host_disk {
	int fd;
	bool read_only;
	uint64_t size;
};

struct host_disk *host_disk_open(const char *path)
{
	bool read_only = false;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct host_disk *disk;
	struct stat about;
	off_t size;

	if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM)) {
		read_only = true;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd < 0 || fstat(fd, &about) != 0)
		return fail(fd, NULL, errno);
	if (!S_ISREG(about.st_mode) && !S_ISBLK(about.st_mode))
		return fail(fd, NULL, S_ISDIR(about.st_mode) ? EISDIR : ENOTSUP);
	if (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0)
		return fail(fd, NULL, errno == EWOULDBLOCK ? EBUSY : errno);
	size = lseek(fd, 0, SEEK_END);
	disk = malloc(sizeof *disk);
	if (size < 0 || !disk)
		return fail(fd, disk, errno);
	disk->fd = fd;
	disk->read_only = read_only;
	disk->size = (uint64_t)size;
	return disk;
}

void host_disk_close(struct host_disk *disk)
{
	close(disk->fd);
	free(disk);
}

bool host_disk_read_only(const struct host_disk *disk)
{
	return disk->read_only;
}

uint64_t host_disk_size(const struct host_disk *disk)
{
	return disk->size;
}

bool host_disk_read(struct host_disk *disk, uint64_t offset, void *buffer, size_t size)
{
	return file_read(disk->fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

bool host_disk_write(struct host_disk *disk, uint64_t offset, const void *buffer, size_t size)
{
	return file_write(disk->fd, buffer, size, offset);
}

bool host_disk_flush(struct host_disk *disk)
{
	return fdatasync(disk->fd) == 0;
}

/* --- for programs that we start ------------------------------------------------------------------ */

/* How another process of this user opens what we have open. */
static void path_of(int fd, char *path, size_t size)
{
	snprintf(path, size, "/proc/%d/fd/%d", (int)getpid(), fd);
}

const char *host_disk_path(const struct host_disk *disk)
{
	static char path[64];

	path_of(disk->fd, path, sizeof path);
	return path;
}

const char *host_nameless_file(const void *bytes, uint64_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd >= 0)
		close(fd);
	fd = memfd_create("skerry", MFD_CLOEXEC);
	if (fd < 0 || !file_write(fd, bytes, size, 0))
		return NULL;
	path_of(fd, path, sizeof path);
	return path;
}
