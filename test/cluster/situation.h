/* Sessions, one situation at a time: what the situations have in common. */
#ifndef TEST_CLUSTER_SITUATION_H
#define TEST_CLUSTER_SITUATION_H

#include "test/cluster/world.h"

struct situation {
	const char *name;
	void (*run)(void);
};

/* Those of session_lies.c, up to one without a name. */
extern const struct situation session_lies[];

/* The world, which is made anew for each, and its two sides. */
extern struct world *const w;
extern struct peer *const a, *const b;

void expect(bool good, const char *what);
/* A session, and nothing on its way. */
void join(void);
/* What both sides have sent. */
uint64_t frames(void);

struct frame {
	struct wire_header header;
	union {
		struct wire_hello hello;
		struct wire_bye bye;
		uint64_t words[WIRE_PAYLOAD_MAX / 8];
	};
};

/* A frame of the session that `from` has, as it might be the next one. */
struct frame *own_frame(const struct peer *from, enum wire_type type, size_t length);
struct frame *own_hello(const struct peer *from, uint32_t to, uint32_t tag);
void arrive(const struct peer *to, struct frame *frame);

#endif
