/* What passes a link, as cmd/trace_link.c understands it: which frames have an arrow, whatever was before. */
#include "cluster/wire/wire.h"
#include "cmd/trace_link.h"
#include "test/tests.h"

static struct trace_frame last;
static unsigned seen;

static void see(void *context, unsigned port, bool sent, uint64_t time, const struct trace_frame *frame)
{
	(void)context;
	(void)port;
	(void)sent;
	(void)time;
	last = *frame;
	seen++;
}

/* A DATA frame of one session passes; `whole`: its message is one. Does it have an arrow? */
static bool passes(struct trace_link *link, uint32_t seq, bool whole)
{
	struct {
		_Alignas(8) struct wire_header header;
		uint8_t payload[WIRE_PAYLOAD_MAX];
	} frame = {.header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_DATA}};
	struct wire_message message;

	wire_message_init(&message, WIRE_SIGNAL);
	message.number = message.export = 1;
	frame.header.to = 1;
	frame.header.from = 2;
	frame.header.seq = seq;
	frame.header.length = whole ? (uint32_t)wire_message_size(&message) : 8;
	if (whole)
		wire_encode(&message, frame.payload);
	wire_seal(&frame.header);
	seen = 0;
	trace_link_pass(link, 1, true, 0, &frame, sizeof frame.header + frame.header.length);
	CHECK(seen == 1);
	CHECK(last.kind == (whole ? WIRE_SIGNAL : WIRE_NO_KIND));
	return last.flow;
}

static void each_frame_once(void)
{
	struct trace_link *link = trace_link_create(see, NULL, true);
	uint64_t flow;

	CHECK(passes(link, 1, true));
	flow = last.flow;
	CHECK(flow & TRACE_FLOW_LINK);
	CHECK(!passes(link, 1, true));
	CHECK(passes(link, 3, true) && last.flow != flow);
	CHECK(passes(link, 2, true));
	CHECK(!passes(link, 3, true) && !passes(link, 2, true));
	trace_link_destroy(link);
}

/* A peer may say anything; what comes after it is told apart all the same. */
static void what_is_no_message(void)
{
	struct trace_link *link = trace_link_create(see, NULL, true);
	unsigned arrows = 0;

	CHECK(passes(link, 1, false));
	for (uint32_t seq = 2; seq < 5000; seq++)
		arrows += passes(link, seq, true);
	CHECK(arrows == 4998);
	trace_link_destroy(link);
}

/* The first that is seen is sent again, and those behind it have arrived before. */
static void what_was_sent_before(void)
{
	struct trace_link *link = trace_link_create(see, NULL, false);
	unsigned arrows = 0, again = 0;

	passes(link, 10, true);
	for (uint32_t seq = 20; seq < 5000; seq++) {
		arrows += passes(link, seq, true);
		again += passes(link, seq, true);
	}
	CHECK(arrows == 4980);
	CHECK(again == 0);
	CHECK(!passes(link, 10, true));
	CHECK(passes(link, 5000000, true) && !passes(link, 5000000, true) && passes(link, 5000001, true));
	trace_link_destroy(link);
}

int main(void)
{
	static const struct test tests[] = {
		{"trace-link-each-frame-once", each_frame_once},
		{"trace-link-what-is-no-message", what_is_no_message},
		{"trace-link-what-was-sent-before", what_was_sent_before},
	};

	return tests_run(tests, sizeof tests / sizeof tests[0]) != 0;
}
