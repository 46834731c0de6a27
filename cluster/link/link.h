/*
 * The links of one node to its peers: connections by URL, made again when they are lost. What goes through a
 * link is a stream of bytes; a link that goes down and comes up again has lost what was under way.
 *
 * Nothing here waits. Whoever drives it waits for the events of links_events() up to links_deadline(), then
 * calls links_turn().
 */
#ifndef SKERRY_CLUSTER_LINK_LINK_H
#define SKERRY_CLUSTER_LINK_LINK_H

#include "cluster/link/url.h"
#include "host/host.h"

#define LINK_PEERS 8 /* at most */
#define LINK_URLS  16

struct identity;

struct link_peer {
	char name[LINK_NAME_SIZE];
	bool has_key;
	uint8_t key[LINK_KEY_SIZE]; /* that it has to have for TCP */
};

struct links_config {
	char name[LINK_NAME_SIZE];
	const struct identity *identity; /* NULL: no TCP */
	struct link_peer peer[LINK_PEERS];
	unsigned peers;
	struct link_url listen[LINK_URLS], join[LINK_URLS];
	unsigned listens, joins;
	uint64_t spin_ns; /* how long links_spin() looks at most */

	void *context;
	/* The link to peer[i] went up or down. A link that comes up anew went down before. */
	void (*open)(void *context, unsigned peer, bool open);
	/* What came from it: takes what fits. The rest is offered again. */
	size_t (*input)(void *context, unsigned peer, const void *bytes, size_t size);
	/* After links_send() did not take something: it would now. */
	void (*ready)(void *context, unsigned peer);
	/* For a person: why nobody could connect. */
	void (*say)(void *context, const char *line);
	/* For one who wants to know more; may be NULL. */
	void (*tell)(void *context, const char *line);
};

struct links;

/* `config` is copied. NULL: `error` says why, in one line. */
struct links *links_create(const struct links_config *config, char *error, size_t error_size);
void links_destroy(struct links *links);

/*
 * Takes all of it (true) or nothing. What is for a link that is down is lost. `size` is at most
 * LINK_SEND_MAX. May be called at any time, also from `input`; calls nothing back.
 */
#define LINK_SEND_MAX 65536
bool links_send(struct links *links, unsigned peer, const void *bytes, size_t size);

/* Offers again what came and was not taken; true if some of it was. */
bool links_offer(struct links *links);
/* How the link to a peer came about; NULL: it is down. */
const struct link_url *links_url(const struct links *links, unsigned peer);

/*
 * Before waiting: looks for input of links for a moment, if that has been of use lately. True: there is
 * some; the next links_turn() is about that alone, and who drives it has to see to it that others
 * have their turn, too.
 */
bool links_spin(struct links *links, uint64_t timeout_ns);
/* What to wait for. The events must stay where they are up to the next links_turn(). */
unsigned links_events(struct links *links, struct host_event *event, unsigned room);
/* Then: host_clock_ns() at which it has to have its turn in any case; 0: now; UINT64_MAX: never. */
uint64_t links_deadline(const struct links *links);
/* Does what can be done now. True if anything came from a peer or a link went up or down. */
bool links_turn(struct links *links);

/* The port of a TCP URL that had none (0): for tests. */
uint16_t links_port(const struct links *links, unsigned listen);

#endif
