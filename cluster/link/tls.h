/*
 * TLS 1.3 over a socket, by OpenSSL. Both sides show a certificate that is made here, in memory, and says
 * nothing but the public key, and prove that they have the private one. Whether that key is welcome is for
 * the caller to judge: tls_peer_key().
 */
#ifndef SKERRY_CLUSTER_LINK_TLS_H
#define SKERRY_CLUSTER_LINK_TLS_H

#include "cluster/link/identity.h"
#include "host/host.h"

/* Prepares OpenSSL, without the settings that the user may have for it. */
void tls_library(void);

struct tls_context; /* what all connections of a node share */
struct tls_context *tls_context_create(const struct identity *identity); /* NULL: out of memory */
void tls_context_destroy(struct tls_context *context);

struct tls;
struct tls *tls_create(struct tls_context *context, struct host_socket *socket,
		       bool dialed); /* NULL: out of memory */
void tls_destroy(struct tls *tls);

/* 1: done; 0: not yet; -1: it failed: tls_error(). */
int tls_handshake(struct tls *tls);
const char *tls_error(const struct tls *tls);
/* After the handshake. */
void tls_peer_key(const struct tls *tls, uint8_t key[LINK_KEY_SIZE]);

/*
 * Results as of host_socket_read() and host_socket_write(). What tls_write() did not take has to be the
 * beginning of what it gets next.
 */
int tls_read(struct tls *tls, void *buffer, size_t size);
int tls_write(struct tls *tls, const void *bytes, size_t size);
/* Has it got something from the socket that was not read yet? */
bool tls_has_more(const struct tls *tls);
/* Does it wait until the socket can be written to? */
bool tls_wants_write(const struct tls *tls);

#endif
