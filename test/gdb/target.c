/*
 * What the debugger's test looks at: every kind of access to one variable, floating point, a loop, two
 * processes of one program at the same addresses, a thread that comes and goes, and one that breaks. It is
 * deterministic, and says at the end what it computed.
 */
#include <stdio.h>
#include <string.h>
#include <skerry/check.h>
#include <skerry/machine.h>
#include <skerry/object.h>
#include <skerry/process.h>
#include <skerry/thread.h>
#include <skerry/vspace.h>

#define KEEP __attribute__((noinline, noclone, used))

volatile long watched[2];
volatile double half = 0.5;
static char across[8200] __attribute__((aligned(4096)));
static seL4_CPtr done;
enum { CHILD_DONE = SK_PROCESS_FIRST_FREE };

/* --- accesses, each under its own name --- */

extern void plain_store(volatile long *at), plain_load(volatile long *at), atomic_add(volatile long *at),
	conditional(volatile long *at), byte_store(volatile long *at), float_store(volatile long *at);
__asm__(".text\n"
	"plain_store: sd a0, 0(a0)\n	ret\n"
	"plain_load: ld a1, 0(a0)\n	ret\n"
	"atomic_add: li a1, 1\n	amoadd.d a1, a1, (a0)\n	ret\n"
	"conditional: lr.d a1, (a0)\n	addi a1, a1, 1\n	sc.d a1, a1, (a0)\n	ret\n"
	"byte_store: li a1, 7\n	sb a1, 5(a0)\n	ret\n"
	"float_store: fcvt.d.l fa0, a0\n	fsd fa0, 0(a0)\n	ret\n");

KEEP void accesses(void)
{
	plain_store(watched);
	plain_load(watched);
	atomic_add(watched);
	conditional(watched);
	byte_store(watched);
	float_store(watched);
	watched[0] = 1;
	watched[1] = 2; /* the neighbour, which nobody watches */
}

/* A store that begins before a page and ends in it. */
KEEP void store_across(void)
{
	__asm__ volatile("sd %0, -3(%1)" : : "r"(-1l), "r"(across + 4096) : "memory");
}

/* --- computing --- */

KEEP double doubled(double value)
{
	return value * 2;
}

KEEP long spin(long turns)
{
	long sum = 0;

	for (volatile long i = 0; i < turns; i++)
		sum += i ^ sum << 1;
	return sum;
}

/* --- code that is not there yet when the debugger sets a breakpoint in it --- */

#define LATE 0x50000000ul

KEEP long late(long value)
{
	static const unsigned short code[] = {0x0505, 0x8082}; /* addi a0, a0, 1; ret */
	seL4_CPtr frame;
	void *here = sk_pages_new(1, &frame);

	memcpy(here, code, sizeof code);
	sk_must(sk_map(seL4_CapInitThreadVSpace, sk_cap_copy(frame), LATE, seL4_AllRights, 0));
	__asm__ volatile("fence.i" ::: "memory");
	return ((long (*)(long))LATE)(value);
}

/* --- processes and threads --- */

KEEP void twin(void *argument)
{
	volatile long number = (long)argument;

	for (volatile int i = 0; i < 3; i++) {
		seL4_Yield();
		number = number * 3 + 1;
	}
	seL4_Send(CHILD_DONE, seL4_MessageInfo_new((seL4_Word)number, 0, 0, 0));
}

static long twins(void)
{
	static struct sk_process process[2];
	static const char *const names[] = {"twin-one", "twin-two"};
	long sum = 0;

	for (int i = 0; i < 2; i++) {
		sk_process_new(&process[i], names[i], 100, 0);
		sk_process_give(&process[i], CHILD_DONE, done, seL4_CanWrite, 0);
		sk_process_start(&process[i], twin, (void *)(long)(i + 1));
	}
	for (int i = 0; i < 2; i++)
		sum += (long)seL4_MessageInfo_get_label(seL4_Recv(done, NULL));
	return sum;
}

KEEP void visitor_main(void *argument)
{
	(void)argument;
	seL4_Send(done, seL4_MessageInfo_new(0, 0, 0, 0));
}

KEEP void visited(void)
{
	__asm__ volatile("nop # here");
}

KEEP void wrecked(void *argument)
{
	*(volatile char *)argument = 1;
}

KEEP void ended(void)
{
	__asm__ volatile("nop # there");
}

int main(void)
{
	static struct sk_thread visitor, wreck;
	long sum;

	done = sk_endpoint_new();
	accesses();
	store_across();
	half = doubled(half);
	sum = late(spin(1000)) + twins();
	sk_thread_new(&visitor, "visitor", 100, 0);
	sk_thread_start(&visitor, visitor_main, NULL);
	seL4_Recv(done, NULL);
	sk_thread_delete(&visitor);
	visited();
	sk_thread_new(&wreck, "wreck", 255, 0);
	sk_thread_start(&wreck, wrecked, (void *)0x18);
	seL4_Yield();
	sum += spin(3000000);
	printf("target: %ld, %ld and %d\n", sum, watched[1], (int)half);
	ended();
	return 7;
}
