/* Files in a folder of Linux that is ours alone. Everything goes by the folder's descriptor: its path may be
 * changed meanwhile. */
#define _GNU_SOURCE
#include "host/host.h"
#include "host/linux/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct host_folder {
	int fd;
};

/* Nobody but us, and the administrator, may write there. */
static bool is_ours(const struct stat *about)
{
	return about->st_uid == geteuid() && (about->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

struct host_folder *host_folder_open(const char *path)
{
	struct host_folder *folder = malloc(sizeof *folder);
	struct stat about;
	int error;

	if (!folder)
		return NULL;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		folder->fd = -1;
	else
		folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd >= 0 && fstat(folder->fd, &about) == 0 && is_ours(&about))
		return folder;
	error = folder->fd >= 0 ? ERROR_NOT_OURS : errno;
	host_folder_close(folder);
	errno = error;
	return NULL;
}

void host_folder_close(struct host_folder *folder)
{
	if (folder->fd >= 0)
		close(folder->fd);
	free(folder);
}

bool host_folder_lock(struct host_folder *folder)
{
	if (flock(folder->fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (errno == EWOULDBLOCK)
		errno = EBUSY;
	return false;
}

void host_folder_delete(struct host_folder *folder, const char *name)
{
	unlinkat(folder->fd, name, 0);
}

const char *host_folder_usual(const char *name)
{
	const char *place = getenv("XDG_RUNTIME_DIR");
	static char path[PATH_MAX];

	if (place && *place == '/')
		snprintf(path, sizeof path, "%s/%s", place, name);
	else
		snprintf(path, sizeof path, "/tmp/%s-%ld", name, (long)geteuid());
	return path;
}

void host_folder_remove(const char *path)
{
	rmdir(path);
}

bool host_folder_has(struct host_folder *folder, const char *name)
{
	struct stat about;
	int error = errno;
	bool has = fstatat(folder->fd, name, &about, AT_SYMLINK_NOFOLLOW) == 0;

	errno = error;
	return has;
}

void *host_folder_load(struct host_folder *folder, const char *name, uint64_t *size)
{
	int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), error = 0;
	uint8_t *data = NULL;
	struct stat about;
	ssize_t got = -1;

	if (fd < 0)
		return NULL;
	errno = 0;
	if (fstat(fd, &about) == 0 && (!S_ISREG(about.st_mode) || !is_ours(&about)))
		errno = EPERM;
	else if (errno == 0 && (data = malloc((size_t)about.st_size + 1)))
		got = file_read(fd, data, (size_t)about.st_size, 0);
	error = errno;
	close(fd);
	*size = (uint64_t)got;
	if (got >= 0)
		return data;
	free(data);
	errno = error;
	return NULL;
}

/* A file is written under another name first, which says by whom: another run may do the same. */
#define WRITTEN ".%.40s."

/* Deletes what processes that are no more left half written of that file. */
static void delete_left(struct host_folder *folder, const char *name)
{
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	char start[48], *end;
	size_t length = (size_t)snprintf(start, sizeof start, WRITTEN, name);

	if (!listing && fd >= 0)
		close(fd);
	while (listing && (entry = readdir(listing))) {
		long pid = strncmp(entry->d_name, start, length) == 0
				   ? strtol(entry->d_name + length, &end, 10)
				   : 0;

		if (pid > 0 && *end == 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH)
			unlinkat(folder->fd, entry->d_name, 0);
	}
	if (listing)
		closedir(listing);
}

bool host_folder_save(struct host_folder *folder, const char *name, const void *bytes, uint64_t size)
{
	char other[64];
	bool good;
	int fd, error;

	delete_left(folder, name);
	snprintf(other, sizeof other, WRITTEN "%ld", name, (long)getpid());
	unlinkat(folder->fd, other, 0);
	fd = openat(folder->fd, other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	good = file_write(fd, bytes, size, 0);
	good = close(fd) == 0 && good && renameat(folder->fd, other, folder->fd, name) == 0;
	error = errno;
	if (!good)
		unlinkat(folder->fd, other, 0);
	errno = error;
	return good;
}
