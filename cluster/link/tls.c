/* See tls.h. */
#include "cluster/link/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *method;
};

struct tls {
	SSL *ssl;
	bool wants_write;
	bool dry; /* what there is of the next record is not all of it */
	char error[128];
	uint8_t peer[LINK_KEY_SIZE];
};

void tls_library(void)
{
	/*
	 * What it has in general for programs that find algorithms by name, and say what went wrong in them:
	 * 340 KiB, mostly for touching all of its parts.
	 */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
				    OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
			    NULL);
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

/* --- the socket as OpenSSL sees it ---------------------------------------------------------------------- */

static int moved(BIO *bio, int count, size_t *done, int retry)
{
	BIO_clear_retry_flags(bio);
	*done = count > 0 ? (size_t)count : 0;
	if (count == HOST_INPUT_NONE)
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	return count > 0;
}

static int bio_read(BIO *bio, char *bytes, size_t size, size_t *done)
{
	return moved(bio, host_socket_read(BIO_get_data(bio), bytes, size), done, BIO_FLAGS_READ);
}

static int bio_write(BIO *bio, const char *bytes, size_t size, size_t *done)
{
	return moved(bio, host_socket_write(BIO_get_data(bio), bytes, size), done, BIO_FLAGS_WRITE);
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method_create(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "host socket");

	if (method) {
		BIO_meth_set_read_ex(method, bio_read);
		BIO_meth_set_write_ex(method, bio_write);
		BIO_meth_set_ctrl(method, bio_control);
	}
	return method;
}

/* --- what a node shows ---------------------------------------------------------------------------------- */

/* It is the key that counts; the rest is there because a certificate has to have it. */
static X509 *certificate_make(EVP_PKEY *key)
{
	X509 *made = X509_new();
	X509_NAME *name = made ? X509_get_subject_name(made) : NULL;

	if (name && X509_set_version(made, X509_VERSION_3) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(made), 1) &&
	    ASN1_TIME_set_string(X509_getm_notBefore(made), "20260101000000Z") &&
	    ASN1_TIME_set_string(X509_getm_notAfter(made), "99991231235959Z") && /* RFC 5280: no end */
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"skerry", -1, -1,
				       0) &&
	    X509_set_issuer_name(made, name) && X509_set_pubkey(made, key) && X509_sign(made, key, NULL) > 0)
		return made;
	X509_free(made);
	return NULL;
}

/* Nobody vouches for a certificate here; its key is looked at after the handshake. */
static int verify(X509_STORE_CTX *store, void *context)
{
	(void)store;
	(void)context;
	return 1;
}

struct tls_context *tls_context_create(const struct identity *identity)
{
	struct tls_context *context = calloc(1, sizeof *context);
	X509 *certificate;
	SSL_CTX *ssl;
	bool good;

	tls_library();
	if (!context)
		return NULL;
	context->method = method_create();
	context->ssl = ssl = SSL_CTX_new(TLS_method());
	certificate = certificate_make(identity_key(identity));
	good = context->method && ssl && certificate && SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) &&
	       SSL_CTX_use_certificate(ssl, certificate) &&
	       SSL_CTX_use_PrivateKey(ssl, identity_key(identity)) &&
	       SSL_CTX_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") &&
	       SSL_CTX_set1_groups_list(ssl, "X25519") && SSL_CTX_set1_sigalgs_list(ssl, "ed25519") &&
	       SSL_CTX_set_num_tickets(ssl, 0);
	X509_free(certificate);
	if (!good) {
		tls_context_destroy(context);
		return NULL;
	}
	SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_read_ahead(ssl, 1); /* a record's header and the rest by one call of the system */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, verify, NULL);
	return context;
}

void tls_context_destroy(struct tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	BIO_meth_free(context->method);
	free(context);
}

/* --- one connection ------------------------------------------------------------------------------------- */

struct tls *tls_create(struct tls_context *context, struct host_socket *socket, bool dialed)
{
	struct tls *tls = calloc(1, sizeof *tls);
	BIO *bio = BIO_new(context->method);

	if (tls)
		tls->ssl = SSL_new(context->ssl);
	if (!tls || !tls->ssl || !bio) {
		BIO_free(bio);
		tls_destroy(tls);
		return NULL;
	}
	BIO_set_data(bio, socket);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	if (dialed)
		SSL_set_connect_state(tls->ssl);
	else
		SSL_set_accept_state(tls->ssl);
	return tls;
}

void tls_destroy(struct tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	free(tls);
}

bool tls_has_more(const struct tls *tls)
{
	return !tls->dry && SSL_has_pending(tls->ssl);
}

bool tls_wants_write(const struct tls *tls)
{
	return tls->wants_write;
}

const char *tls_error(const struct tls *tls)
{
	return tls->error;
}

/* SSL_get_error() would take those of another connection for its own. To look is less than to clear. */
static void forget_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

/* The first cause that has words for it, as those of TLS have; OpenSSL's list of them is used up. */
static const char *error_words(void)
{
	const char *words = NULL;
	unsigned long error;

	while (!words && (error = ERR_get_error()))
		words = ERR_reason_error_string(error);
	return words ? words : "TLS fails";
}

/* As the results of host_socket_read(). */
static int failed(struct tls *tls, int result)
{
	int why = SSL_get_error(tls->ssl, result);

	tls->wants_write = why == SSL_ERROR_WANT_WRITE;
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return HOST_INPUT_NONE;
	snprintf(tls->error, sizeof tls->error, "%s",
		 why == SSL_ERROR_SSL ? error_words() : "the other side hangs up");
	return HOST_INPUT_END;
}

/* The key of the other's certificate: only one of our kind can have been negotiated. */
static bool take_key(struct tls *tls)
{
	X509 *certificate = SSL_get1_peer_certificate(tls->ssl);
	EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
	size_t size = LINK_KEY_SIZE;
	bool good = key && EVP_PKEY_is_a(key, "ED25519") &&
		    EVP_PKEY_get_raw_public_key(key, tls->peer, &size) == 1 && size == LINK_KEY_SIZE;

	X509_free(certificate);
	if (!good)
		snprintf(tls->error, sizeof tls->error, "it shows no key of ours");
	return good;
}

int tls_handshake(struct tls *tls)
{
	int result;

	forget_errors();
	result = SSL_do_handshake(tls->ssl);
	if (result == 1)
		return take_key(tls) ? 1 : -1;
	return failed(tls, result) == HOST_INPUT_NONE ? 0 : -1;
}

void tls_peer_key(const struct tls *tls, uint8_t key[LINK_KEY_SIZE])
{
	memcpy(key, tls->peer, LINK_KEY_SIZE);
}

int tls_read(struct tls *tls, void *buffer, size_t size)
{
	size_t got;

	forget_errors();
	tls->dry = !SSL_read_ex(tls->ssl, buffer, size, &got);
	return tls->dry ? failed(tls, 0) : (int)got;
}

int tls_write(struct tls *tls, const void *bytes, size_t size)
{
	size_t sent;

	tls->wants_write = false;
	forget_errors();
	return SSL_write_ex(tls->ssl, bytes, size, &sent) ? (int)sent : failed(tls, 0);
}
