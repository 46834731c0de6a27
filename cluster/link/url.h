/* Where a link goes: tcp://HOST:PORT, unix:PATH, shm:PATH. */
#ifndef SKERRY_CLUSTER_LINK_URL_H
#define SKERRY_CLUSTER_LINK_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum link_kind { LINK_TCP, LINK_UNIX, LINK_SHM };

struct link_url {
	const char *text; /* as it was given */
	enum link_kind kind;
	char host[256]; /* of TCP; without the brackets of [::1] */
	uint16_t port;
	const char *path; /* of the others; part of `text` */
};

/* `text` is kept. NULL, or why it is not one. */
const char *link_url_parse(const char *text, struct link_url *url);

/* A node's name: 1 to 15 lower-case letters, digits and hyphens, the first a letter. */
#define LINK_NAME_SIZE 16
bool link_name_valid(const char *name, size_t length);

/* A public key as people see it: 64 hexadecimal digits. */
#define LINK_KEY_SIZE 32
#define LINK_KEY_TEXT (2 * LINK_KEY_SIZE + 1)
void link_key_text(const uint8_t key[LINK_KEY_SIZE], char text[LINK_KEY_TEXT]);
bool link_key_parse(const char *text, uint8_t key[LINK_KEY_SIZE]);

#endif
