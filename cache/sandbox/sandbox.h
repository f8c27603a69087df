/*
 * sandbox - what the daemon and its keepers give up (sievefs(8), SANDBOX), in the order in which they can.
 *
 * Failure is told in the log and is not fatal: a mount is worth more than its sandbox.
 */
#pragma once

#include <stdbool.h>

/* Before there are threads: capabilities, and no_new_privs, unless fusermount3(1) is still to be executed,
 * which has privileges of its own for an ordinary user's mount. */
void sandbox_begin(void);

/* Once it is mounted: no_new_privs and the filter of calls, for all threads. */
void sandbox_close(void);

/* The process behind auto_unmount. */
void sandbox_guard(void);

/* Whether sandbox_begin() leaves fusermount3(1) without its privileges in the end: what it is to do after
 * sandbox_close() is another process's to have done. */
bool sandbox_forbids_fusermount(void);

/*
 * A keeper: the filter alone, which the keeper's own code follows after it has shed its rights. A refused
 * call is one message of this kind to the socket. 0 or -errno.
 */
struct sandbox_refused {
	int number;
};
int sandbox_keeper(int socket);

/* Any process that hears of a refused call: logs it by name. who: "the daemon", "a keeper". */
void sandbox_log_refused(const char *who, int number);
