/* Shared by the files of host/linux only. */
#ifndef SKERRY_HOST_LINUX_INTERNAL_H
#define SKERRY_HOST_LINUX_INTERNAL_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct addrinfo;
struct host_link;
struct host_program;
struct host_shared;
struct host_socket;
struct sockaddr_un;

/* As errno, for host_error(). */
#define ERROR_UNKNOWN_HOST ENONET
#define ERROR_NOT_PRIVATE  EKEYREJECTED
#define ERROR_NOT_OURS     EKEYREVOKED

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

/*
 * What to wait for; returns how many. Of a link: the client, or a new one. Of a program: what it prints, what
 * it complains of, and room for its input.
 */
#define POLL_MAX 3
unsigned link_poll(const struct host_link *link, struct pollfd fds[POLL_MAX]);
unsigned program_poll(const struct host_program *program, bool room, struct pollfd fds[POLL_MAX]);
unsigned shared_poll(const struct host_shared *shared, struct pollfd fds[POLL_MAX]);
unsigned socket_poll(const struct host_socket *socket, bool read, bool write, struct pollfd fds[POLL_MAX]);

/* The address of a Unix socket; false: the path cannot be one. */
bool local_address(const char *path, struct sockaddr_un *address);
/* A socket that listens at a path and that only its owner can open; -1 on failure. */
int local_listen(const char *path, int waiting);
int socket_descriptor(const struct host_socket *socket);
/* One that listens at an address of TCP; -1 on failure. */
int tcp_listen(const struct addrinfo *info, int waiting);
uint16_t tcp_port(int fd);

#endif
