/* The command line of `skerry run`. */
#ifndef SKERRY_CMD_OPTIONS_H
#define SKERRY_CMD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/link/link.h"
#include "vm/vm.h"

#define MIB         (1ull << 20)
#define RAM_MIN     (16 * MIB)
#define RAM_MAX     (65536 * MIB)
#define RAM_STEP    (2 * MIB)
#define DEFAULT_RAM (512 * MIB)
#define SPIN_NS     50000 /* default of --spin: a round trip to one who still sleeps, and some more */
#define REGION_STEP 4096ull
#define REGION_MAX  (1024 * MIB)

/* Exit statuses; the guest's own (the test finisher's) come through as they are. */
enum status {
	STATUS_OK = 0,
	STATUS_FAIL = 1,  /* --fail text printed, or --expect text missing when the guest ended well */
	STATUS_USAGE = 2, /* wrong command line */
	STATUS_TIMEOUT = 124,
	STATUS_STUCK = 125,   /* nothing can ever run again, or nobody reads the console */
	STATUS_NO_BOOT = 126, /* the image cannot boot, the disk cannot be opened, out of host memory */
	STATUS_SIGNAL = 128,  /* plus the signal's number */
	STATUS_KILLED = STATUS_SIGNAL + 9, /* the debugger ended the run */
};

enum stats_format { STATS_NONE, STATS_TEXT, STATS_JSON };

#define TIME_END UINT64_MAX

struct run_options {
	const char *image; /* for messages: what is run, also when it is a snapshot or a recording */
	bool on_qemu;
	uint64_t ram_size; /* 0: not given */
	bool real_time;
	uint64_t timeout_ns; /* 0: none */
	const char **expect;
	unsigned expects;
	const char **fail;
	unsigned fails;
	unsigned root_cnode_bits, domains; /* 0: the profile's */
	const char *abi;                   /* NULL: the default profile */
	const char *disk;
	const char *dtb; /* NULL: the board's; "image": the archive's; else a file */
	bool virtio_modern;
	const char *region; /* file; NULL: none */
	uint64_t region_size;
	unsigned region_share, region_shares; /* ours, counted from 0, of so many */
	const char *snapshot;                 /* file to write one to; NULL: none */
	uint64_t snapshot_ns;                 /* guest time; TIME_END: when the run ends */
	const char *restore;                  /* snapshot to start from, instead of an image */
	const char *record;                   /* file to write a recording to */
	const char *replay;                   /* recording to repeat: `skerry replay` */
	uint64_t to_ns, to_position; /* of a replay: guest time or position to stop at; TIME_END: none */
	enum stats_format stats;
	const char *trace; /* NULL: none */
	uint64_t trace_buffer;
	const char *control; /* path of the socket; NULL: none */
	enum vm_tier tier;
	bool tier_given;
	bool perf_map;
	const char *code_cache; /* folder; NULL: none */
	bool verbose;
	const char *gdb_host;      /* NULL: no debugger */
	uint16_t gdb_port;         /* 0: any */
	bool gdb_wait;             /* before the first instruction */
	bool replaying;            /* `skerry replay` */
	bool link;                 /* `skerry link`: */
	const char *ports;         /* the folder with QEMU's sockets */
	bool node;                 /* `skerry node`; of both: */
	struct links_config links; /* to whom; without the functions */
	const char *key;           /* file; NULL: none */
	char *const *debug; /* `skerry debug`: further arguments of the debugger, up to a NULL; else NULL */
};

/*
 * Parses the arguments of `skerry run`, `replay`, `node` or `link` (argv[0] says which). Returns true to go
 * on; else *status is the exit status, after --help or a usage error that has been printed.
 */
bool options_parse(int argc, char **argv, struct run_options *options, int *status);
/* Will a debugger be able to go back in time? */
bool options_go_back(const struct run_options *options);
/* Makes them those of `skerry debug`; false, as above, if one of them does not go with it. */
bool options_debug(struct run_options *options, char *const *arguments, int *status);
void options_free(struct run_options *options);

void help_run(void);
void help_replay(void);
void help_node(void);
void help_link(void);
void help_key(void);
void help_cluster(void);
void help_inspect(void);
void help_image(void);
void help_disasm(void);
void help_ps(void);
void help_caps(void);
void help_debug(void);
void help_doctor(void);

/* A guest time as the options take it, and as messages show it: "1.5s", "250ms". */
bool time_parse(const char *text, uint64_t *ns);
const char *time_text(uint64_t ns, char text[32]);

/* Values of options that several commands have; false after a line that says what is wrong. */
bool number_parse(const char *option, const char *text, uint64_t low, uint64_t high, uint64_t *value);
/* `high` is at most UINT_MAX. */
bool unsigned_parse(const char *option, const char *text, uint64_t low, uint64_t high, unsigned *value);
bool memory_parse(const char *text, uint64_t *size);
bool trace_buffer_parse(const char *text, uint64_t *size);
bool region_size_parse(const char *text, uint64_t *size);
bool abi_parse(const char *text, const char **abi);
bool tier_parse(const char *text, enum vm_tier *tier);
/* One of two words. */
bool choice_parse(const char *option, const char *text, const char *no, const char *yes, bool *value);
/* Says what else is wrong with a command line; false. */
bool mistake(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whose help these lines point to, instead of that of `skerry run`. */
void options_of(const char *command);

/* Prints one line "skerry: …" to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

int command_run(int argc, char **argv); /* of `skerry replay` and `skerry node` too */
int command_link(int argc, char **argv);
int command_key(int argc, char **argv);
int command_cluster(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_image(int argc, char **argv);
int command_disasm(int argc, char **argv);
int command_ps(int argc, char **argv);
int command_caps(int argc, char **argv);
int command_debug(int argc, char **argv);
int command_doctor(int argc, char **argv);

#endif
