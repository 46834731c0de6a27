/* The cluster, as programs see it: see cluster.h. All of it is messages to the node's bridge. */
#include <skerry/cluster.h>

#include <string.h>
#include <skerry/cluster_control.h>
#include <skerry/object.h>

/* 0: none. A process has a copy of the root server's, in whose slots it means nothing: see cluster_use(). */
static seL4_CPtr control;

void cluster_use(seL4_CPtr slot)
{
	control = slot;
}

enum cluster_outcome cluster_outcome(seL4_MessageInfo_t info)
{
	seL4_Word outcome = seL4_GetMR(0);

	if (seL4_MessageInfo_get_label(info) == seL4_InvalidCapability)
		return CLUSTER_NOT_DELIVERED;
	if (seL4_MessageInfo_get_label(info) != CLUSTER_LABEL || seL4_MessageInfo_get_length(info) != 1 ||
	    outcome > CLUSTER_REVOKED)
		return CLUSTER_DONE;
	return (enum cluster_outcome)outcome;
}

static enum cluster_error request(enum cluster_request label, seL4_Word caps, seL4_Word words,
				  seL4_MessageInfo_t *answer)
{
	if (!control)
		return CLUSTER_ABSENT;
	seL4_MessageInfo_t info = seL4_Call(control, seL4_MessageInfo_new(label, 0, caps, words));
	if (answer)
		*answer = info;
	return (enum cluster_error)seL4_MessageInfo_get_label(info);
}

/* Writes the name to the message; false: it cannot be one. */
static bool put_name(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= CLUSTER_NAME_BYTES)
		return false;
	memset(seL4_GetIPCBuffer()->msg, 0, CLUSTER_NAME_BYTES);
	memcpy(seL4_GetIPCBuffer()->msg, name, length);
	return true;
}

enum cluster_error cluster_publish(const char *name, seL4_CPtr cap)
{
	if (!put_name(name))
		return CLUSTER_INVALID;
	seL4_SetCap(0, cap);
	return request(CLUSTER_PUBLISH, 1, CLUSTER_NAME_WORDS, NULL);
}

enum cluster_error cluster_withdraw(const char *name)
{
	return put_name(name) ? request(CLUSTER_WITHDRAW, 0, CLUSTER_NAME_WORDS, NULL) : CLUSTER_INVALID;
}

/* Moving nothing there fails because there is nothing (slot 0 is empty in all of our CNodes), if not for
 * another reason. */
static bool is_empty(seL4_CPtr slot)
{
	return seL4_CNode_Move(seL4_CapInitThreadCNode, slot, SK_DEPTH, seL4_CapInitThreadCNode, 0,
			       SK_DEPTH) == seL4_FailedLookup &&
	       seL4_GetMR(0) == 1; /* that it was the source */
}

enum cluster_error cluster_lookup(const char *name, seL4_CPtr slot)
{
	seL4_IPCBuffer *buffer = seL4_GetIPCBuffer();
	seL4_CPtr root = buffer->receiveCNode, index = buffer->receiveIndex;
	seL4_Word depth = buffer->receiveDepth;
	seL4_MessageInfo_t answer = seL4_MessageInfo_new(0, 0, 0, 0);

	if (!is_empty(slot) || !put_name(name))
		return CLUSTER_INVALID;
	seL4_SetCapReceivePath(seL4_CapInitThreadCNode, slot, SK_DEPTH);
	enum cluster_error error = request(CLUSTER_LOOKUP, 0, CLUSTER_NAME_WORDS, &answer);
	seL4_SetCapReceivePath(root, index, depth);
	if (error == CLUSTER_OK && seL4_MessageInfo_get_extraCaps(answer) != 1)
		return CLUSTER_INVALID;
	return error;
}

enum cluster_error cluster_revoke(seL4_CPtr slot)
{
	if (seL4_CNode_Revoke(seL4_CapInitThreadCNode, slot, SK_DEPTH) != seL4_NoError)
		return CLUSTER_INVALID;
	return request(CLUSTER_PROBE, 0, 0, NULL);
}

enum cluster_error cluster_release(seL4_CPtr slot)
{
	seL4_SetCap(0, slot);
	enum cluster_error error = request(CLUSTER_RELEASE, 1, 0, NULL);
	if ((seL4_Word)error == CLUSTER_ALL_GONE)
		return CLUSTER_OK;
	if (seL4_CNode_Delete(seL4_CapInitThreadCNode, slot, SK_DEPTH) != seL4_NoError)
		return CLUSTER_INVALID;
	return error;
}

unsigned cluster_members(struct cluster_member members[CLUSTER_NODES])
{
	seL4_MessageInfo_t answer;

	if (request(CLUSTER_MEMBERS, 0, 0, &answer) != CLUSTER_OK)
		return 0;
	unsigned count = (unsigned)seL4_MessageInfo_get_length(answer) / CLUSTER_MEMBER_WORDS;
	const seL4_Word *words = seL4_GetIPCBuffer()->msg;
	for (unsigned i = 0; i < count; i++, words += CLUSTER_MEMBER_WORDS) {
		memcpy(members[i].name, words, CLUSTER_NAME_BYTES);
		members[i].epoch = words[CLUSTER_NAME_WORDS];
		members[i].here = words[CLUSTER_NAME_WORDS + 1] & CLUSTER_MEMBER_HERE;
		members[i].up = words[CLUSTER_NAME_WORDS + 1] & CLUSTER_MEMBER_UP;
	}
	return count;
}

enum cluster_error cluster_watch(seL4_CPtr notification)
{
	seL4_SetCap(0, notification);
	return request(CLUSTER_WATCH, 1, 0, NULL);
}

enum cluster_error cluster_sleep(uint64_t ns)
{
	seL4_SetMR(0, ns);
	return request(CLUSTER_SLEEP, 0, 1, NULL);
}

enum cluster_error cluster_count(struct cluster_counts *counts)
{
	enum cluster_error error = request(CLUSTER_COUNT, 0, 0, NULL);

	if (error == CLUSTER_OK)
		memcpy(counts, seL4_GetIPCBuffer()->msg, sizeof *counts);
	return error;
}
