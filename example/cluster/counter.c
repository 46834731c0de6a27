/* The counter: see cluster.h. It knows nothing of nodes; a client is known by its badge. */
#include "cluster.h"

#include <stdio.h>
#include <skerry/check.h>
#include <skerry/object.h>

const char *const outcome_names[] = {[CLUSTER_DONE] = "done",
				     [CLUSTER_NOT_DELIVERED] = "not delivered",
				     [CLUSTER_UNKNOWN] = "nobody knows whether it was executed",
				     [CLUSTER_REVOKED] = "revoked"};

void counter_serve(void)
{
	seL4_CPtr counter = sk_endpoint_new();
	seL4_Word count = 0, clients = 0, badge;

	sk_must((seL4_Error)cluster_publish("counter", counter));
	seL4_MessageInfo_t info = seL4_Recv(counter, &badge);
	for (;;) {
		switch (seL4_MessageInfo_get_label(info)) {
		case COUNTER_OPEN:
			seL4_SetCap(0, sk_cap_mint(counter, seL4_AllRights, ++clients));
			info = seL4_MessageInfo_new(0, 0, 1, 0);
			break;
		case COUNTER_ADD:
			seL4_SetMR(0, ++count);
			seL4_SetMR(1, badge);
			info = seL4_MessageInfo_new(0, 0, 0, 2);
			break;
		case COUNTER_KEEP:
			printf("I keep a call unanswered until I am killed: skerry cluster kill a\n");
			info = seL4_Recv(counter, &badge);
			continue;
		default:
			return;
		}
		info = seL4_ReplyRecv(counter, info, &badge);
	}
}
