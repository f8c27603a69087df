/*
 * options - the command line and the mount options.
 *
 * The rows in options_rows.c are the one place where options are named; --help, error messages and the tests
 * of the man page use them. The struct is filled in once at start; afterwards only options whose rows are
 * live change (options_change.h).
 */
#pragma once

#include "cache/base/log.h"
#include "fs/options/option_table.h"

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_MAX_READ (1 << 20) /* bytes, the kernel's limit for one request */

enum options_action {
	OPTIONS_MOUNT,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_REMOUNT, /* change the mount at MOUNTPOINT; see fs/remount.h */
	OPTIONS_CHECK,   /* mount -f: only check the command line */
};

/* The names of each enum's values are in options_rows.c, in this order. */
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
enum option_queue_class { QUEUE_CLASS_AUTO, QUEUE_CLASS_NORMAL };
enum option_passthrough { PASSTHROUGH_AUTO, PASSTHROUGH_ON, PASSTHROUGH_OFF };
enum option_xattr { XATTR_ON, XATTR_OFF };
enum option_sandbox { SANDBOX_ON, SANDBOX_OFF };

struct options {
	enum options_action action;
	char *source;     /* absolute, no symbolic links in it */
	char *mountpoint; /* likewise */
	bool foreground;
	bool debug;             /* -d: foreground, log=debug, and libfuse's own trace */
	unsigned generic_flags; /* enum generic_flag: those of kernel_options that the daemon also acts on */
	bool auto_unmount;      /* unmount also when the daemon is killed */

	/*
	 * Generic mount options for libfuse and the kernel, joined by commas, for libfuse's -o; "": none.
	 * Options that the daemon adds (allow_other …) are not included.
	 */
	GString *kernel_options;

	char *warning;    /* one line about valid but probably unintended options; NULL: none */
	GString *generic; /* all generic options as typed, joined by commas; for a remount */
	uint64_t given;   /* a bit for each row of the table that was given a value */

	uint64_t memory;       /* bytes, the base of percentages: of the machine or of the memory cgroup */
	uint64_t cache_size;   /* bytes */
	uint64_t cache_min;    /* bytes; short memory shrinks the cache no further */
	uint64_t memory_floor; /* bytes to be left available on the machine; 0: no floor */
	uint64_t small_max;    /* bytes; the largest file that may be cached */
	uint64_t large_min;    /* bytes; the smallest file that is large */
	char *rules;           /* the rules file, absolute after options_parse(); NULL: none */
	char *pins;            /* the file that lists pinned files, likewise; NULL: none */
	unsigned int
		admit; /* opens, while the ghost list remembers the file, until it is admitted; 0: never */
	enum option_store store;
	uint64_t settle_ms;
	uint64_t revalidate_ms;
	int evict; /* index into evict_catalogue */
	enum option_mid mid;
	enum option_large large;
	enum option_large_write large_write;
	uint64_t large_keep;       /* bytes of large files that may stay in the page cache; 0: none */
	uint64_t stream_window;    /* bytes that a stream may have in the page cache */
	uint64_t stream_after;     /* bytes read in order that make a stream */
	uint64_t stream_gap;       /* bytes that a stream may skip at a time */
	uint64_t direct_readahead; /* bytes per stream; 0: none */
	unsigned int direct_depth; /* requests in flight per stream */
	uint64_t direct_memory;    /* bytes for all streams */
	enum option_write write;
	uint64_t dirty_expire_ms;    /* this and the next three: OPTION_WORD leaves it to the kernel */
	uint64_t dirty_writeback_ms; /* the flusher's interval */
	uint64_t dirty_background;   /* bytes; above it writeback starts */
	uint64_t dirty_max;          /* bytes; above it writers wait */
	enum option_coherence coherence;
	enum option_locks locks; /* coherence=exclusive implies LOCKS_LOCAL */

	/*
	 * Seconds, as in FUSE replies. coherence=exclusive makes those that were not given very long. An
	 * inode that is open for writing needs an attribute timeout of 0 all the same, since writes through
	 * mappings change its mtime without a request.
	 */
	double attr_timeout_s;
	double entry_timeout_s;
	double negative_timeout_s; /* OPTION_WORD_SECONDS: see cache/policy/missing.h */
	enum option_transport transport;
	unsigned int uring_depth; /* requests per queue; 0: chosen by transport_depth() */
	enum option_queue_class queue_class;
	uint64_t max_read; /* bytes; rounded down to whole pages */
	enum option_passthrough passthrough;
	enum option_xattr xattr;
	enum option_sandbox sandbox;
	enum log_level log;
	char *metrics; /* the address of the metrics (metrics_address.h), a path absolute; NULL: not served */
};

/* Prepares an empty struct for options_parse(). options_deinit() is legal after either, also after a failed
 * parse. */
void options_init(struct options *options);
void options_deinit(struct options *options);

/*
 * Parses the command line of sievefs, or of mount(8)'s helper if argv[0] is mount.SOMETHING. Then checks that
 * SOURCE and MOUNTPOINT are directories and that the paths in options can be used (not for help and version).
 * @argv may be reordered. 0 or -EINVAL. On -EINVAL @error is one line that names the option, the given value
 * and what is accepted; the caller frees it.
 */
int options_parse(struct options *options, int argc, char **argv, char **error);

/* As options_parse(), but without access to directories and files: paths stay as typed. @memory: bytes, the
 * base of percentages. */
int options_read(struct options *options, int argc, char **argv, uint64_t memory, char **error);

/* Parses a list in the form of -o into @options, and sets the bits of its rows in `given`. Checks nothing
 * else. @memory and @error as above. */
int options_read_list(struct options *options, const char *list, uint64_t memory, char **error);

/* Whether the mount has its own thresholds for dirty data (options dirty_*). */
bool options_have_thresholds(const struct options *options);

/* Whether kernel_options contain the generic option @name, as a whole word. */
bool options_has_generic(const struct options *options, const char *name);

/* "cache_size=1G,small_max=1M,…": every option that has a value, in the form of -o. The caller frees it. */
char *options_to_string(const struct options *options);

/* The text of --help. The caller frees it. */
char *options_help(void);

const struct option_table *options_table(void);
