/*
 * options - what the operator asked for: the command line and the mount options.
 *
 * The rows in options_rows.c are the one place where an option is named; --help, errors and the tests of the
 * man page come from them. The struct is filled once at start; after that only what its rows call live
 * changes (options_change.h).
 */
#pragma once

#include "cache/base/log.h"
#include "fs/options/option_table.h"

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_MAX_READ (1 << 20) /* as much as the kernel puts into one request */

enum options_action {
	OPTIONS_MOUNT,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_REMOUNT, /* of what is mounted at MOUNTPOINT; see fs/remount.h */
	OPTIONS_CHECK,   /* mount -f: the line was read and is good; nothing is to be done */
};

/* Each enum's names stand in options_rows.c, in this order. */
enum option_mid { OPT_MID_PLAIN, OPT_MID_DIRECT };
enum option_large { OPT_LARGE_STREAM, OPT_LARGE_TRAIL, OPT_LARGE_DIRECT, OPT_LARGE_PLAIN };
enum option_large_write {
	OPT_WRITE_AUTO,
	OPT_WRITE_DIRECT,
	OPT_WRITE_TRAIL,
	OPT_WRITE_MEASURED,
	OPT_WRITE_PLAIN
};
enum option_store { STORE_AUTO, STORE_PIN, STORE_COPY };
enum option_write { WRITE_AROUND, WRITE_THROUGH };
enum option_coherence { COHERENCE_OPEN, COHERENCE_EXCLUSIVE };
enum option_locks { LOCKS_SHARED, LOCKS_LOCAL };
enum option_transport { TRANSPORT_AUTO, TRANSPORT_URING, TRANSPORT_DEV };
enum option_passthrough { PASSTHROUGH_AUTO, PASSTHROUGH_ON, PASSTHROUGH_OFF };
enum option_xattr { XATTR_ON, XATTR_OFF };
enum option_sandbox { SANDBOX_ON, SANDBOX_OFF };

struct options {
	enum options_action action;
	char *source;     /* absolute, no symbolic links in it */
	char *mountpoint; /* the same */
	bool foreground;
	bool debug;             /* -d: foreground, log=debug, and libfuse's own trace */
	unsigned generic_flags; /* enum generic_flag: of kernel_options, what the daemon has a part in */
	bool auto_unmount;      /* also when the daemon is killed */

	/*
	 * Generic mount options that libfuse and the kernel take, joined by commas, for libfuse's -o: ""
	 * where there are none. What the daemon puts in by itself (allow_other …) is not in here.
	 */
	GString *kernel_options;

	char *warning;    /* what is valid but hardly meant, as one line; NULL: nothing */
	GString *generic; /* all generic options as they were typed, joined by commas: for a remount */
	uint64_t given;   /* a bit for each row of the table that was given a value */

	uint64_t memory;       /* bytes, that percentages are of: the machine's or the memory cgroup's */
	uint64_t cache_size;   /* bytes */
	uint64_t cache_min;    /* bytes; short memory shrinks the cache no further */
	uint64_t memory_floor; /* bytes that shall stay available on the machine; 0: no floor */
	uint64_t small_max;    /* bytes; files up to here may be cached */
	uint64_t large_min;    /* bytes; files from here on are large */
	char *rules;           /* the rules file, absolute once options_parse() has read it; NULL: none */
	char *pins;            /* the file that names what is pinned, likewise; NULL: none */
	unsigned int admit;    /* opens within the ghost's horizon; 0: never */
	enum option_store store;
	uint64_t settle_ms;
	uint64_t revalidate_ms;
	int evict; /* index into evict_catalogue */
	enum option_mid mid;
	enum option_large large;
	enum option_large_write large_write;
	uint64_t large_keep;       /* bytes of large files that stay in the page cache; 0: none */
	uint64_t stream_window;    /* bytes that a stream may have in the page cache */
	uint64_t stream_after;     /* bytes read in order that make a stream */
	uint64_t stream_gap;       /* bytes that a stream may skip */
	uint64_t direct_readahead; /* bytes per stream; 0: none */
	unsigned int direct_depth; /* requests in flight per stream */
	uint64_t direct_memory;    /* bytes for all streams */
	enum option_write write;
	uint64_t dirty_expire_ms;    /* this and the next: OPTION_WORD leaves it to the kernel */
	uint64_t dirty_writeback_ms; /* how often the flusher looks */
	uint64_t dirty_background;   /* above it writeback starts */
	uint64_t dirty_max;          /* above it writers wait */
	enum option_coherence coherence;
	enum option_locks locks; /* coherence=exclusive implies LOCKS_LOCAL */

	/*
	 * Seconds, as FUSE replies carry them. coherence=exclusive makes those very long that were not given:
	 * an inode that is open for writing needs attr_timeout 0 all the same, since mmap writes move its
	 * mtime unseen.
	 */
	double attr_timeout_s;
	double entry_timeout_s;
	double negative_timeout_s;
	enum option_transport transport;
	unsigned int uring_depth; /* requests per queue; 0: chosen by the host */
	uint64_t max_read;        /* bytes, whole pages are used */
	enum option_passthrough passthrough;
	enum option_xattr xattr;
	enum option_sandbox sandbox;
	enum log_level log;
	char *metrics; /* where they are served (metrics_address.h), a path absolute; NULL: nowhere */
};

/* Idle until options_parse(); deinit is legal after either, and after a failed parse. */
void options_init(struct options *options);
void options_deinit(struct options *options);

/*
 * Reads the command line of sievefs, or of mount(8)'s helper where argv[0] is mount.SOMETHING, then checks
 * that SOURCE and MOUNTPOINT are directories and the rules a file that it can use (not for help and version).
 * @argv may be reordered.
 * On -EINVAL @error is one line that names the option, what was given and what it takes; the caller frees it.
 */
int options_parse(struct options *options, int argc, char **argv, char **error);

/* As options_parse(), but looks at no directory or file: paths stay as typed. @memory: bytes, for
 * percentages. */
int options_read(struct options *options, int argc, char **argv, uint64_t memory, char **error);

/* Reads a list as -o takes it into @options, whose `given` then has its rows; looks at nothing else. @memory
 * and @error as above. */
int options_read_list(struct options *options, const char *list, uint64_t memory, char **error);

/* Whether the mount has thresholds of its own for what is dirty. */
bool options_have_thresholds(const struct options *options);

/* Is the generic option @name among kernel_options, as a whole word? */
bool options_has_generic(const struct options *options, const char *name);

/* "cache_size=1G,small_max=1M,…": every option that has a value, as -o takes it. The caller frees it. */
char *options_to_string(const struct options *options);

/* The text of --help. The caller frees it. */
char *options_help(void);

const struct option_table *options_table(void);
