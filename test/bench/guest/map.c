/*
 * Mapping-heavy loads. `map_kind`, the address of a symbol that is given at the link, says which:
 *	1	data: pages are mapped, one word in each is written, and they are unmapped
 *	2	code: a page with functions is mapped, each is called twice, and it is unmapped
 *	3	processes: made, run for some thousand instructions, and destroyed, one after the other
 * Ends with status 0 if everything was executed as often as it should be.
 */
#include <skerry/object.h>
#include <skerry/process.h>
#include <skerry/vspace.h>

#define DATA      0x3000000000ul
#define PAGES     64
#define CALLS     32  /* functions in a page */
#define FUNCTION  128 /* bytes from one to the next */
#define PROCESSES 400
#define ROUNDS    20000

extern char map_kind[];

typedef seL4_Word function(seL4_Word);

static seL4_Word data(void)
{
	seL4_CPtr frame[PAGES];
	seL4_Word sum = 0;

	for (unsigned i = 0; i < PAGES; i++)
		frame[i] = sk_frame_new();
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < PAGES; i++) {
			volatile seL4_Word *word = (volatile seL4_Word *)(DATA + i * SK_PAGE_BYTES);

			sum += sk_map(seL4_CapInitThreadVSpace, frame[i], (seL4_Word)word, seL4_ReadWrite,
				      seL4_RISCV_ExecuteNever) == seL4_NoError;
			*word = round;
		}
		for (unsigned i = 0; i < PAGES; i++)
			seL4_RISCV_Page_Unmap(frame[i]);
	}
	return sum - ROUNDS * PAGES;
}

/* Adds one, in 3 blocks. */
static const unsigned short body[] = {
	0xe111, /* c.bnez a0, 4 */
	0x0001, /* c.nop */
	0x0505, /* c.addi a0, 1 */
	0xa009, /* c.j 2 */
	0x8082, /* c.jr ra */
};

static seL4_Word code(void)
{
	seL4_CPtr frame;
	unsigned short *text = sk_pages_new(1, &frame);
	seL4_CPtr copy = sk_cap_copy(frame);
	seL4_Word sum = 0;

	for (unsigned i = 0; i < CALLS; i++)
		for (unsigned k = 0; k < sizeof(body) / sizeof(body[0]); k++)
			text[i * FUNCTION / 2 + k] = body[k];
	__asm__ volatile("fence.i" : : : "memory");
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (sk_map(seL4_CapInitThreadVSpace, copy, DATA, seL4_CanRead, 0) != seL4_NoError)
			return 1;
		for (unsigned i = 0; i < 2 * CALLS; i++)
			sum = ((function *)(DATA + i / 2 * FUNCTION))(sum);
		seL4_RISCV_Page_Unmap(copy);
	}
	return sum - ROUNDS * 2 * CALLS;
}

static void work(void *done)
{
	volatile seL4_Word count = 0;

	while (count < 1000)
		count++;
	seL4_Signal((seL4_CPtr)(seL4_Word)done);
	seL4_TCB_Suspend(seL4_CapInitThreadTCB);
}

static seL4_Word processes(void)
{
	static struct sk_arena arena;
	seL4_CPtr done = sk_notification_new();

	for (unsigned i = 0; i < PROCESSES; i++) {
		struct sk_process process;

		sk_arena_open(&arena, 21);
		sk_process_new(&process, "short", 100, 0);
		sk_process_give(&process, SK_PROCESS_FIRST_FREE, done, seL4_AllRights, 0);
		sk_process_start(&process, work, (void *)SK_PROCESS_FIRST_FREE);
		seL4_Wait(done, 0);
		sk_arena_close(&arena);
	}
	return 0;
}

int main(void)
{
	switch ((seL4_Word)map_kind) {
	case 1:
		return data() != 0;
	case 2:
		return code() != 0;
	default:
		return processes() != 0;
	}
}
