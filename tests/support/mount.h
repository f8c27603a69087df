/*
 * mount - a sievefs daemon over a directory of the test's own.
 *
 * The daemon is the program named by the environment variable SIEVEFS. Its stderr goes to a log beside
 * SOURCE, the reports of sanitizers to files beside that; mount_stop() fails the test over any report. With
 * config.bare no daemon is started and the mount point is SOURCE itself: all comparisons must then succeed,
 * which tests the tests.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct mount {
	char source[PATH_MAX];
	char point[PATH_MAX];
	char log[PATH_MAX];      /* the daemon's stderr */
	char report[PATH_MAX];   /* prefix of the sanitizers' reports */
	char options[1024];      /* what followed -o */
	char source_fd_path[64]; /* SOURCE as it was before something was mounted over it */
	int source_fd;
	pid_t daemon; /* 0: none runs */
};

enum mount_end {
	MOUNT_END_UMOUNT,
	MOUNT_END_SIGTERM,
	MOUNT_END_SIGINT,
};

/*
 * Makes BASE/NAME.source and BASE/NAME.mount (or uses existing ones) and starts a daemon between them in the
 * foreground, with the options of the configuration followed by `options` (may be NULL). Returns once the
 * mount answers; any failure fails the test.
 */
void mount_start(struct mount *mount, const char *name, const char *options);

/* ROOT/NAME, below a mount or a SOURCE. */
void path_below(char path[PATH_MAX], const char *root, const char *name);
/* Opens ROOT/NAME, close-on-exec; a new file gets mode 0644. An error fails the test. */
int open_below(const char *root, const char *name, int flags);

/* Sets the paths only: for tests that start the program themselves. */
void mount_prepare(struct mount *mount, const char *name);

/* Ends the daemon and fails the test unless it leaves with exit status 0, nothing mounted and no report of a
 * sanitizer. */
void mount_stop(struct mount *mount, enum mount_end end);

/* Waits until `path` is (or is no longer) the root of a mount; false after `limit_ms`. */
bool mount_wait(const char *path, bool mounted, int limit_ms);
bool mount_is_on(const char *path);

/* umount(8) or fusermount3 -u, whichever the caller may use; 0 or the exit status. */
int mount_umount(const char *path);

/* The mount options of the configuration (lane, transport, passthrough), as one comma-separated string. */
void mount_config_options(char *options, size_t size);

/* Prints the log and the sanitizers' reports; true if there was such a report. */
bool mount_show_reports(const struct mount *mount, bool with_log);

/* Runs argv[] to its end with stdin from /dev/null and stdout and stderr collected; returns the exit status,
 * or 128 + the signal. */
int program_run(char *const argv[], char *output, size_t size);

/* program_run() of a shell command line. */
int shell(char *output, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Runs `sievectl stat POINT --json` and returns a number of its output: key is "hits", or "direct/opens"
 * where a name occurs more than once. */
long long mount_stat(const struct mount *mount, const char *key);
/* The requests of a kind, such as "lookup", that the mount has had. */
long long mount_requests(const struct mount *mount, const char *kind);

/* Opens a file of the mount for reading, again and again until it is in the cache: the descriptor uses its
 * copy. Fails the test if the file is never cached. */
int mount_open_cached(const struct mount *mount, const char *name);
