/* What the conformance programs share: see conform.h. */
#include "conform.h"

static const char *area, *title, *reference;
static unsigned passed, failed;

void conform_begin(const char *name)
{
	area = name;
	title = name;
	reference = "";
	sk_must(seL4_TCB_SetSchedParams(SELF, SELF, seL4_MaxPrio, MAIN_PRIO));
}

int conform_end(void)
{
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}

void section(const char *new_title, const char *new_reference)
{
	title = new_title;
	reference = new_reference;
}

/* --- single facts ------------------------------------------------------------------------------- */

static void ok(const char *name)
{
	passed++;
	printf("ok %s: %s: %s\n", area, title, name);
}

static void not_ok(const char *name)
{
	failed++;
	printf("not ok %s: %s: %s: ", area, title, name);
}

bool check(const char *name, bool holds)
{
	if (holds) {
		ok(name);
	} else {
		not_ok(name);
		printf("it is not so (%s)\n", reference);
	}
	return holds;
}

bool equal(const char *name, seL4_Word seen, seL4_Word want)
{
	if (seen == want) {
		ok(name);
		return true;
	}
	not_ok(name);
	printf("seen %#lx, want %#lx (%s)\n", seen, want, reference);
	return false;
}

bool equal_text(const char *name, const char *seen, const char *want)
{
	if (!strcmp(seen, want)) {
		ok(name);
		return true;
	}
	not_ok(name);
	printf("seen \"%s\", want \"%s\" (%s)\n", seen, want, reference);
	return false;
}

/* --- methods ------------------------------------------------------------------------------------ */

struct outcome invoke(struct request r)
{
	struct outcome seen = {0};
	struct sel4_registers regs = {r.object, INFO(r.label, r.cap_count, r.length).words[0], {0}};

	for (unsigned i = 0; i < LENGTH_OF(r.caps); i++)
		seL4_SetCap((int)i, r.caps[i]);
	for (unsigned i = 0; i < LENGTH_OF(r.args); i++) {
		if (i < SEL4_FAST_MRS)
			regs.mr[i] = r.args[i];
		else
			seL4_SetMR((int)i, r.args[i]);
	}
	sel4_trap(seL4_SysCall, &regs);
	seen.label = regs.info >> 12;
	seen.length = regs.info & 0xfff; /* capsUnwrapped and extraCaps, if not 0, show as a wrong length */
	for (unsigned i = 0; i < LENGTH_OF(seen.mr); i++)
		seen.mr[i] = i < SEL4_FAST_MRS ? regs.mr[i] : seL4_GetMR((int)i);
	return seen;
}

static bool outcome_equal(const struct outcome *a, const struct outcome *b)
{
	if (a->label != b->label || a->length != b->length)
		return false;
	for (unsigned i = 0; i < a->length && i < LENGTH_OF(a->mr); i++) {
		if (a->mr[i] != b->mr[i])
			return false;
	}
	return true;
}

static void outcome_print(const struct outcome *o)
{
	if (o->label < seL4_NumErrors)
		printf("%s", sk_error_name((seL4_Error)o->label));
	else
		printf("label %lu", o->label);
	for (unsigned i = 0; i < o->length && i < LENGTH_OF(o->mr); i++)
		printf(" %#lx", o->mr[i]);
	if (o->length > LENGTH_OF(o->mr))
		printf(" (%lu words)", o->length);
}

static bool outcome_check(const char *name, struct outcome want, struct outcome seen)
{
	bool same = outcome_equal(&want, &seen);

	if (same) {
		ok(name);
	} else {
		not_ok(name);
		printf("seen ");
		outcome_print(&seen);
		printf(", want ");
		outcome_print(&want);
		printf(" (%s)\n", reference);
	}
	return same;
}

bool try(const char *name, struct outcome want, struct request request)
{
	return outcome_check(name, want, invoke(request));
}

static void spoil(struct request *request, const struct fault_of_call *how)
{
	for (unsigned i = 0; i < LENGTH_OF(how->change); i++) {
		const struct change *change = &how->change[i];
		switch (change->kind) {
		case CHANGE_NONE:
			break;
		case CHANGE_ARG:
			request->args[change->index] = change->value;
			break;
		case CHANGE_CAP:
			request->caps[change->index] = change->value;
			break;
		case CHANGE_LENGTH:
			request->length = change->value;
			break;
		case CHANGE_CAPS:
			request->cap_count = change->value;
			break;
		case CHANGE_LABEL:
			request->label = change->value;
			break;
		case CHANGE_OBJECT:
			request->object = change->value;
			break;
		}
	}
}

void checks_list(struct request good, const struct fault_of_call *list, unsigned count)
{
	char name[160];

	for (unsigned i = 0; i < count; i++) {
		struct request one = good;
		spoil(&one, &list[i]);
		try(list[i].name, list[i].want, one);
		if (i + 1 == count)
			break;
		struct request two = good;
		spoil(&two, &list[i + 1]);
		spoil(&two, &list[i]);
		snprintf(name, sizeof name, "%s, before %s", list[i].name, list[i + 1].name);
		try(name, list[i].want, two);
	}
}

/* --- capabilities -------------------------------------------------------------------------------- */

bool is(const char *name, seL4_CPtr cap, seL4_Word type)
{
	return equal(name, seL4_DebugCapIdentify(cap), type);
}

seL4_Error cap_delete(seL4_CPtr cap)
{
	return seL4_CNode_Delete(ROOT, cap, SK_DEPTH);
}

seL4_Error cap_revoke(seL4_CPtr cap)
{
	return seL4_CNode_Revoke(ROOT, cap, SK_DEPTH);
}

seL4_Error cap_move(seL4_CPtr to, seL4_CPtr from)
{
	return seL4_CNode_Move(ROOT, to, SK_DEPTH, ROOT, from, SK_DEPTH);
}

seL4_CPtr cnode_new(seL4_Word bits)
{
	return sk_object_new(seL4_CapTableObject, bits);
}

/* --- threads that make one call ------------------------------------------------------------------ */

char run_log[64];

void log_clear(void)
{
	memset(run_log, 0, sizeof run_log);
}

void log_letter(char letter)
{
	size_t length = strlen(run_log);

	if (letter && length + 1 < sizeof run_log)
		run_log[length] = letter;
}

void peer_new(struct peer *peer, seL4_Word priority, seL4_CPtr fault_ep)
{
	memset(peer, 0, sizeof *peer);
	sk_thread_new(&peer->thread, NULL, priority, fault_ep);
	peer->own_tcb = peer->thread.tcb;
}

static void peer_main(void *argument)
{
	struct peer *peer = argument;
	struct sel4_registers r = peer->in;

	sel4_trap((seL4_Syscall_ID)peer->number, &r);
	peer->out = r;
	peer->done++;
	log_letter(peer->letter);
	seL4_TCB_Suspend(peer->own_tcb);
	__builtin_trap(); /* it cannot: a fault stops it, too */
}

void peer_trap(struct peer *peer, seL4_Word number, seL4_CPtr cap, seL4_MessageInfo_t info, seL4_Word mr0,
	       seL4_Word mr1)
{
	peer->number = number;
	peer->in = (struct sel4_registers){cap, info.words[0], {mr0, mr1, 0x333, 0x444}};
	peer_run(peer, peer_main, peer);
}

void peer_run(struct peer *peer, void (*entry)(void *), void *argument)
{
	peer->done = 0;
	sk_thread_start(&peer->thread, entry, argument);
}

struct sel4_registers trap(seL4_Word number, seL4_CPtr cap, seL4_Word info, seL4_Word mr0, seL4_Word mr1)
{
	struct sel4_registers r = {cap, info, {mr0, mr1, 0x333, 0x444}};

	sel4_trap((seL4_Syscall_ID)number, &r);
	return r;
}

/* A failed poll leaves the message info as it was: a label that nobody sends. */
struct received poll(seL4_CPtr endpoint)
{
	seL4_Word nothing = INFO(0xfffffffffffff, 3, 0).words[0];
	struct sel4_registers r = {endpoint, nothing, {0}};

	sel4_trap(seL4_SysNBRecv, &r);
	return (struct received){r.cap_or_badge,
				 r.info >> 12,
				 r.info & 0x7f,
				 {r.mr[0], r.mr[1], r.mr[2], r.mr[3]},
				 r.info != nothing};
}
