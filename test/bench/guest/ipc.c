/*
 * Round trips between two address spaces: the root server calls, a process answers and waits for the
 * next call. How many times and with how many words (0 or 4) is said at the link, by the symbols
 * `ipc_rounds` and `ipc_words`, whose addresses are the numbers. Each answer's label is the number
 * of calls so far; ends with status 0 if the last one is right and as long as was said.
 */
#include <stdbool.h>
#include <skerry/object.h>
#include <skerry/process.h>

enum { PRIORITY = 100, SERVER_ENDPOINT = SK_PROCESS_FIRST_FREE };

extern char ipc_rounds[], ipc_words[];

/*
 * Both loops are written once and made twice, so that the length is a constant and a message of no
 * words costs nothing but the call.
 */
#define MADE_FOR_EACH_LENGTH static inline __attribute__((always_inline))

MADE_FOR_EACH_LENGTH void serve(bool words)
{
	seL4_Word a = 0, b = 0, c = 0, d = 0;
	seL4_Word *const mr[4] = {words ? &a : 0, words ? &b : 0, words ? &c : 0, words ? &d : 0};
	seL4_Word length = words ? 4 : 0;

	seL4_RecvWithMRs(SERVER_ENDPOINT, 0, mr[0], mr[1], mr[2], mr[3]);
	for (seL4_Word count = 1;; count++)
		seL4_ReplyRecvWithMRs(SERVER_ENDPOINT, seL4_MessageInfo_new(count, 0, 0, length), 0, mr[0],
				      mr[1], mr[2], mr[3]);
}

MADE_FOR_EACH_LENGTH seL4_MessageInfo_t call(seL4_CPtr endpoint, seL4_Word rounds, bool words)
{
	seL4_Word a = 1, b = 2, c = 3, d = 4;
	seL4_Word *const mr[4] = {words ? &a : 0, words ? &b : 0, words ? &c : 0, words ? &d : 0};
	seL4_MessageInfo_t info = seL4_MessageInfo_new(0, 0, 0, words ? 4 : 0);
	seL4_MessageInfo_t answer = info;

	while (rounds-- > 0)
		answer = seL4_CallWithMRs(endpoint, info, mr[0], mr[1], mr[2], mr[3]);
	return answer;
}

static void serve_none(void *unused)
{
	(void)unused;
	serve(false);
}

static void serve_words(void *unused)
{
	(void)unused;
	serve(true);
}

int main(void)
{
	static struct sk_process server;
	seL4_CPtr endpoint = sk_endpoint_new();
	seL4_Word rounds = (seL4_Word)ipc_rounds;
	seL4_Word length = (seL4_Word)ipc_words;
	/* Not `length != 0`: the compiler takes it that no symbol's address is 0. */
	bool words = length == 4;
	seL4_MessageInfo_t answer;

	sk_process_new(&server, "server", PRIORITY, 0);
	sk_process_give(&server, SERVER_ENDPOINT, endpoint, seL4_AllRights, 0);
	sk_process_start(&server, words ? serve_words : serve_none, 0);
	seL4_TCB_SetPriority(seL4_CapInitThreadTCB, seL4_CapInitThreadTCB, PRIORITY);
	answer = words ? call(endpoint, rounds, true) : call(endpoint, rounds, false);
	if (seL4_MessageInfo_get_label(answer) != rounds || seL4_MessageInfo_get_length(answer) != length)
		return 1;
	return 0;
}
