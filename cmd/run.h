/* What the parts of `skerry run` share: run.c, and the two places where an image can run. */
#ifndef SKERRY_CMD_RUN_H
#define SKERRY_CMD_RUN_H

#include "cmd/image.h"
#include "cmd/options.h"
#include "cmd/saved.h"
#include "host/host.h"

#define VIRTUAL_EPOCH   "2026-01-01T00:00:00" /* what the RTC shows at power on in virtual time */

#define DEBUG_ARGUMENTS 64 /* at most */

struct run {
	struct run_options options; /* with the memory size decided */
	struct image image;
	struct host_disk *disk; /* NULL: none */
	const void *fdt;        /* for the root server; NULL: the machine's own */
	uint64_t fdt_size;
	void *fdt_loaded;
	struct saved saved;
	uint64_t start_ns, boot_ns;
	bool booted, told_stuck;
	int status;
	const char *ending; /* what ended the run, in words */
};

enum run_state {
	RUN_GOES_ON,
	RUN_IDLE,   /* nothing to do until time passes, or something comes from outside */
	RUN_HALTED, /* the guest switched the machine off */
	RUN_BROKEN, /* the machine went away; why has been said, and run->status is set */
};

/* A machine for images. There is one of each in a process. */
struct target {
	/* Makes the machine; false if that or booting failed: why has been said, and run->status is set. */
	bool (*start)(struct run *run);
	/* Lets it run for a moment, and moves what its console and ours have for each other. */
	enum run_state (*turn)(struct run *run);
	/* After RUN_IDLE: sleeps, or skips time. True if nothing can ever happen any more and the run is
	 * over. */
	bool (*idle)(struct run *run);
	/* After RUN_HALTED: what the guest stored into the test finisher. */
	int (*guest_status)(void);
	/* Also after a failed start(). */
	void (*close)(struct run *run);

	/* The rest may be NULL. */
	const char *(*hint)(void); /* what may be wrong with a guest that failed; NULL: unknown */
	void (*threads)(const struct run *run); /* names each thread with what it waits for */
	void (*report)(const struct run *run);  /* prints what --stats wants */
	void (*wake)(void);                     /* called by signal handlers: come back from turn() */
};

extern const struct target target_vm;   /* Skerry's own machine: run_vm.c */
extern const struct target target_qemu; /* run_qemu.c */

/* Says why the image cannot boot; false, for `return run_no_boot(…)`. */
bool run_no_boot(struct run *run, const char *reason);
/* The guest begins to run now. */
void run_booted(struct run *run);
/* Says that nothing can ever run again, and what each thread waits for. */
void run_tell_stuck(struct run *run);
/* Says, once, that nothing can ever run again; true if that ends the run. At a terminal the user decides. */
bool run_stuck(struct run *run);
/* Ends the run with this status; true, for `return run_end(…)`. */
bool run_end(struct run *run, int status);

/* debug.c: starts the debugger on the run; false: why has been said. */
bool debug_start(const struct run *run, uint16_t port);
/* run.c: as command_run(), under a debugger that gets these arguments, too. */
int run_debugged(int argc, char **argv, char *const *arguments);

#endif
