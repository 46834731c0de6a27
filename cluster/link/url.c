/* See url.h. */
#include "cluster/link/url.h"

#include <stdlib.h>
#include <string.h>

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* HOST:PORT or [ADDRESS]:PORT. */
static const char *parse_tcp(const char *text, struct link_url *url)
{
	static const char form[] = "write it as tcp://HOST:PORT";
	const char *colon = strrchr(text, ':'), *cursor;
	size_t length = colon ? (size_t)(colon - text) : 0;
	unsigned long port = 0;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	} else if (memchr(text, ':', length)) {
		return "an IPv6 address needs brackets: tcp://[::1]:PORT";
	}
	if (length == 0 || length >= sizeof url->host)
		return form;
	for (cursor = colon + 1; is_digit(*cursor) && port < 65536; cursor++)
		port = port * 10 + (unsigned long)(*cursor - '0');
	if (*cursor || cursor == colon + 1 || port > 65535)
		return "the port is a number up to 65535: tcp://HOST:PORT";
	memcpy(url->host, text, length);
	url->host[length] = 0;
	url->port = (uint16_t)port;
	return NULL;
}

const char *link_url_parse(const char *text, struct link_url *url)
{
	static const struct {
		const char *prefix;
		enum link_kind kind;
	} kinds[] = {{"tcp://", LINK_TCP}, {"unix:", LINK_UNIX}, {"shm:", LINK_SHM}};

	*url = (struct link_url){.text = text};
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t length = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, length) != 0)
			continue;
		url->kind = kinds[i].kind;
		if (url->kind == LINK_TCP)
			return parse_tcp(text + length, url);
		url->path = text + length;
		return *url->path ? NULL : "it names no path";
	}
	return "a link is tcp://HOST:PORT, unix:PATH or shm:PATH";
}

bool link_name_valid(const char *name, size_t length)
{
	if (length == 0 || length >= LINK_NAME_SIZE || !is_lower(name[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_lower(name[i]) && !is_digit(name[i]) && name[i] != '-')
			return false;
	return true;
}

void link_key_text(const uint8_t key[LINK_KEY_SIZE], char text[LINK_KEY_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < LINK_KEY_SIZE; i++) {
		*text++ = digits[key[i] >> 4];
		*text++ = digits[key[i] & 15];
	}
	*text = 0;
}

static int digit_value(char c)
{
	return is_digit(c)            ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool link_key_parse(const char *text, uint8_t key[LINK_KEY_SIZE])
{
	for (unsigned i = 0; i < LINK_KEY_SIZE; i++) {
		int high = digit_value(text[2 * i]), low = high < 0 ? -1 : digit_value(text[2 * i + 1]);

		if (low < 0)
			return false;
		key[i] = (uint8_t)(high * 16 + low);
	}
	return text[2 * (size_t)LINK_KEY_SIZE] == 0;
}
