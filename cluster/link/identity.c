/* See identity.h: OpenSSL's. */
#include "cluster/link/identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link/tls.h"

struct identity {
	EVP_PKEY *key;
};

static struct identity *identity_of(EVP_PKEY *key)
{
	struct identity *identity = key ? malloc(sizeof *identity) : NULL;

	if (identity)
		identity->key = key;
	else
		EVP_PKEY_free(key);
	return identity;
}

struct identity *identity_new(void)
{
	tls_library();
	return identity_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

/* A key that needs a password is none for us: nobody is asked. */
static int no_password(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

struct identity *identity_read(const void *pem, size_t size)
{
	EVP_PKEY *key = NULL;
	BIO *bio;

	tls_library();
	bio = size <= 65536 ? BIO_new_mem_buf(pem, (int)size) : NULL;
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (key && !EVP_PKEY_is_a(key, "ED25519")) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return identity_of(key);
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	EVP_PKEY_free(identity->key);
	free(identity);
}

bool identity_write(const struct identity *identity, char pem[IDENTITY_PEM])
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int size = 0;

	if (bio && PEM_write_bio_PrivateKey(bio, identity->key, NULL, NULL, 0, NULL, NULL))
		size = BIO_read(bio, pem, IDENTITY_PEM - 1);
	BIO_free(bio);
	if (size > 0)
		pem[size] = 0;
	return size > 0;
}

void identity_public(const struct identity *identity, uint8_t key[LINK_KEY_SIZE])
{
	size_t size = LINK_KEY_SIZE;

	if (EVP_PKEY_get_raw_public_key(identity->key, key, &size) != 1)
		abort(); /* an Ed25519 key has one */
}

EVP_PKEY *identity_key(const struct identity *identity)
{
	return identity->key;
}
