/*
 * From the first instruction to main(): thread-local storage, IPC buffer, constructors; and back:
 * main's result ends the program as exit() does. The symbols declared as arrays are set by program.ld:
 * their addresses are what they say.
 */
#include "crt.h"

#include <stdlib.h>
#include <string.h>
#include <sel4/sel4.h>

extern char crt_tls_data[], crt_tls_data_size[], crt_tls_size_symbol[];
extern void __libc_init_array(void);
extern int main(int argc, char **argv);

__thread seL4_IPCBuffer *__sel4_ipc_buffer;

#define MAIN_TLS_BYTES 2048
static _Alignas(16) char main_tls[MAIN_TLS_BYTES];

static seL4_BootInfo *boot_info;

void seL4_InitBootInfo(seL4_BootInfo *info)
{
	boot_info = info;
}

seL4_BootInfo *seL4_GetBootInfo(void)
{
	return boot_info;
}

size_t crt_tls_size(void)
{
	return (size_t)crt_tls_size_symbol;
}

void crt_tls_init(void *block)
{
	memcpy(block, crt_tls_data, (size_t)crt_tls_data_size);
}

/* Not inlined, lest the compiler use the thread pointer before it is set. */
static __attribute__((noinline)) void tls_use(void *block)
{
	seL4_SetTLSBase((seL4_Word)block);
}

__attribute__((noreturn)) void crt_start(seL4_BootInfo *info)
{
	static char *no_arguments[] = {"program", NULL};

	if (crt_tls_size() > sizeof main_tls)
		__builtin_trap();
	crt_tls_init(main_tls);
	tls_use(main_tls);
	seL4_SetIPCBuffer(info->ipcBuffer);
	seL4_InitBootInfo(info);
	__libc_init_array();
	exit(main(1, no_arguments));
}
