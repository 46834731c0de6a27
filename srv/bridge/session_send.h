/*
 * The sending half of a session, for the other half (session.c).
 */
#ifndef SRV_BRIDGE_SESSION_SEND_H
#define SRV_BRIDGE_SESSION_SEND_H

#include "srv/bridge/session.h"

#define NEVER  UINT64_MAX
#define NO_GAP UINT32_MAX

/* Every entry tells the time first. A clock that is set back stands still. */
static inline void session_tell_time(struct session *s, uint64_t now_ns)
{
	if (now_ns > s->told_ns)
		s->clock += now_ns - s->told_ns;
	s->told_ns = now_ns;
}

/* Forgets what waits. */
void session_send_reset(struct session *);

/* Writes what is to be written, as far as the port has room. */
void session_send(struct session *);

/* What is due at this time: a sign of life, an acknowledgement, frames again. */
void session_send_late(struct session *);

/* Begins again with the oldest frame that waits. */
void session_send_again(struct session *);

/* All up to `ack` arrived; with `gap`, the next one did not. False: it was never sent. */
bool session_take_ack(struct session *, uint32_t ack, bool gap);

#endif
