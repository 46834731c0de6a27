/* `skerry key`: makes a node's key, and says its public half. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/link/identity.h"
#include "cmd/key.h"
#include "cmd/options.h"
#include "host/host.h"

void help_key(void)
{
	printf("Usage: skerry key new FILE\n"
	       "       skerry key show FILE\n"
	       "Makes a key for a node of a cluster, or reads one, and prints its public half, by which "
	       "other nodes\n"
	       "know it: skerry node --peer NAME=PUBKEY. FILE is PEM, must not be there yet, and can be read "
	       "by its\n"
	       "owner only.\n");
}

static int fail(const char *what, const char *path, const char *why)
{
	complain("cannot %s %s: %s", what, path, why);
	return STATUS_NO_BOOT;
}

static void print(const struct identity *identity)
{
	uint8_t key[LINK_KEY_SIZE];
	char text[LINK_KEY_TEXT];

	identity_public(identity, key);
	link_key_text(key, text);
	puts(text);
}

static int key_new(const char *path)
{
	struct identity *identity = identity_new();
	char pem[IDENTITY_PEM];
	int status = STATUS_OK;

	if (!identity || !identity_write(identity, pem))
		status = fail("make", path, "out of memory");
	else if (!host_file_create_private(path, pem, strlen(pem)))
		status = fail("make", path, host_error());
	else
		print(identity);
	memset(pem, 0, sizeof pem);
	identity_free(identity);
	return status;
}

struct identity *key_load(const char *path)
{
	struct identity *identity = NULL;
	uint64_t size;
	void *pem = host_file_load_private(path, &size);

	if (!pem) {
		fail("read key", path, host_error());
		return NULL;
	}
	identity = identity_read(pem, size);
	memset(pem, 0, size);
	free(pem);
	if (!identity)
		fail("use key", path, "it is not what skerry key new makes");
	return identity;
}

static int key_show(const char *path)
{
	struct identity *identity = key_load(path);

	if (!identity)
		return STATUS_NO_BOOT;
	print(identity);
	identity_free(identity);
	return STATUS_OK;
}

int command_key(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			help_key();
			return STATUS_OK;
		}
	if (argc == 3 && strcmp(argv[1], "new") == 0 && argv[2][0] != '-')
		return key_new(argv[2]);
	if (argc == 3 && strcmp(argv[1], "show") == 0 && argv[2][0] != '-')
		return key_show(argv[2]);
	complain("key takes 'new FILE' or 'show FILE' (see: skerry key --help)");
	return STATUS_USAGE;
}
