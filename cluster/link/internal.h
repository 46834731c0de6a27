/* Shared by the files of cluster/link only. */
#ifndef SKERRY_CLUSTER_LINK_INTERNAL_H
#define SKERRY_CLUSTER_LINK_INTERNAL_H

#include "cluster/link/greeting.h"
#include "cluster/link/link.h"
#include "cluster/link/ring.h"
#include "cluster/link/tls.h"

#define CONNECTIONS   32 /* at once, with those that are not links yet */
#define INPUT_SIZE    65536
#define PATIENCE_NS   3000000000ull /* for another side that does not come to the point */
#define RETRY_NS      20000000ull   /* between two attempts to connect: doubled up to RETRY_MAX_NS */
#define RETRY_MAX_NS  500000000ull
#define REFUSED_NS    5000000000ull  /* after a refusal */
#define SAY_AGAIN_NS  60000000000ull /* a line that was said already */
#define SPIN_LEAST_NS 1000           /* shorter is not worth it */
#define SAY_FAILED_NS 3000000000ull  /* how long to try before it is said that it fails */

enum connection_state {
	CONNECTION_DIALING,  /* the host has not answered yet */
	CONNECTION_SECURING, /* TLS is being agreed on */
	CONNECTION_GREETING, /* waits for the other's greeting */
	CONNECTION_AGREEING, /* and for its answer to ours */
	CONNECTION_UP,
	CONNECTION_CLOSED, /* to be removed */
};

struct connection {
	enum connection_state state;
	const struct link_url *url; /* at which it came, or which we joined */
	struct host_socket *socket;
	struct tls *tls;            /* NULL: not over TCP */
	struct host_shared *shared; /* NULL: no shared memory, or not yet */
	struct ring ring;           /* in that; once the link is up */
	struct host_event *event;   /* of the last links_events(); NULL: none */
	struct host_event *bell;    /* likewise, of the shared memory */
	struct dial *dial;          /* NULL: it came to us */
	unsigned peer;              /* from CONNECTION_AGREEING on */
	uint64_t until;             /* CONNECTION_UP by then, or it is given up */
	char line[GREETING_LINE];   /* what came before CONNECTION_UP */
	size_t line_size;

	/* Of a link: what came and was not taken, what is to be sent. */
	uint8_t input[INPUT_SIZE], output[LINK_SEND_MAX];
	size_t input_begin, input_end, output_begin, output_end;
	bool refused; /* links_send() did not take something */
	bool lost;    /* links_send() found the other side gone */
	bool gone;    /* the other side of a ring is; what it wrote before is still to be read */
};

/* One URL that we join. */
struct dial {
	const struct link_url *url;
	struct connection *connection; /* NULL: none */
	int peer;                      /* whom we found there; -1: nobody yet */
	uint64_t next, wait;           /* when to try again; how long after that */
	uint64_t failing;              /* since when; 0: it is not */
	bool said;                     /* that it fails */
};

struct listener {
	const struct link_url *url;
	struct host_socket *socket;
	struct host_event *event;
};

struct links {
	struct links_config config;
	struct tls_context *tls; /* NULL: no TCP */
	struct listener listener[LINK_URLS];
	struct dial dial[LINK_URLS];
	struct connection *connection[CONNECTIONS];
	unsigned used; /* of these; behind them there is none */
	struct connection
		*up[LINK_PEERS]; /* the link to each peer, or the connection that is to be it; NULL: none */
	char said[512];          /* last, of those who came to us */
	uint64_t said_ns;
	unsigned spin_skip; /* so many waits without looking first */
	unsigned spin_last; /* how many the last failure has cost */
	bool more;          /* there is something to do now */
	bool moved;         /* in this turn: a link went up or down, or something came */
};

/* connection.c */

/* There is a stream to somebody. */
void connection_begin(struct links *links, struct connection *connection);
/* Goes on with it as far as can be done now. */
void connection_advance(struct links *links, struct connection *connection);
/* Offers what came; true if some of it was taken. */
bool connection_offer(struct links *links, struct connection *connection);
/* Results as of host_socket_write(). */
int connection_write(struct connection *connection, const void *bytes, size_t size);
/* Is it a link through shared memory? */
bool connection_is_ring(const struct connection *connection);
/* Is there something to do although nothing came by the socket? */
bool connection_has_more(const struct connection *connection);
/* It is removed at the end of the turn. */
void connection_close(struct links *links, struct connection *connection);

/* links.c */

/* It is to be tried again after a while. */
void dial_later(struct dial *dial);
/* Says, for a person, why a connection came to nothing. `refused`: because somebody said no. */
void links_complain(struct links *links, const struct link_url *url, struct dial *dial, bool refused,
		    const char *format, ...) __attribute__((format(printf, 5, 6)));
void links_tell(struct links *links, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
