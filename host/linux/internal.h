/* Shared by the files of host/linux only. */
#ifndef SKERRY_HOST_LINUX_INTERNAL_H
#define SKERRY_HOST_LINUX_INTERNAL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct host_link;

/*
 * ppoll() that a signal cannot slip past: those we catch are let in only while it sleeps. Returns
 * what ppoll() does; -1 with EINTR also when a signal or the alarm had come before.
 */
int poll_interruptible(struct pollfd *fds, unsigned count, const struct timespec *timeout);
/* The same, but a request (SIGUSR1) is no reason to return: it can wait until all is written. */
int poll_to_write(struct pollfd *fds, unsigned count, const struct timespec *timeout);

/* Reads until `size` bytes are there or the file ends; the number of bytes, -1 on an error. */
ssize_t file_read(int fd, uint8_t *buffer, size_t size, off_t offset);
/* Writes all of it. */
bool file_write(int fd, const uint8_t *bytes, uint64_t size, uint64_t offset);

/* What of a link to wait for: the client, or a new one; returns how many. */
unsigned link_poll(const struct host_link *link, struct pollfd fds[2]);

#endif
