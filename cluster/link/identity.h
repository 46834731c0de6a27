/* Who a node is: an Ed25519 key. The public half says so to others; the private half is a file's contents,
 * PEM. */
#ifndef SKERRY_CLUSTER_LINK_IDENTITY_H
#define SKERRY_CLUSTER_LINK_IDENTITY_H

#include "cluster/link/url.h"

struct identity;

struct identity *identity_new(void); /* NULL: out of memory */
/* NULL: it is no such key. */
struct identity *identity_read(const void *pem, size_t size);
void identity_free(struct identity *identity);

#define IDENTITY_PEM 256 /* bytes that suffice */
/* False: out of memory. */
bool identity_write(const struct identity *identity, char pem[IDENTITY_PEM]);
/* As OpenSSL has it; belongs to the identity. */
struct evp_pkey_st;
struct evp_pkey_st *identity_key(const struct identity *identity);
void identity_public(const struct identity *identity, uint8_t key[LINK_KEY_SIZE]);

#endif
