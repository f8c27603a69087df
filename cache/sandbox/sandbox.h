/*
 * sandbox - what the daemon and its keepers give up (sievefs(8), SANDBOX), in the order in which they can.
 *
 * Failures are logged and are not fatal: the mount works without its sandbox.
 */
#pragma once

#include <stdbool.h>

/* Before there are threads: capabilities, and no_new_privs, unless fusermount3(1) is still to be executed,
 * which has privileges of its own for an ordinary user's mount. sets_classes: threads change their scheduling
 * class, which takes CAP_SYS_NICE. */
void sandbox_begin(bool sets_classes);

/* After mounting: no_new_privs and the filter of system calls, for all threads. */
void sandbox_close(void);

/* For the process behind auto_unmount: drops the capabilities that it does not need. */
void sandbox_guard(void);

/*
 * Whether fusermount3(1) has lost its privileges after sandbox_close(), so that another process must run it.
 */
bool sandbox_forbids_fusermount(void);

/*
 * For a keeper, which has dropped its privileges itself: loads the filter. Each refused call is reported by
 * one message of this kind on the socket. 0 or -errno.
 */
struct sandbox_refused {
	int number;
};
int sandbox_keeper(int socket);

/* For the process that asks the daemon's own mount: drops its capabilities and loads its filter. Refused
 * calls are reported as a keeper's. */
void sandbox_asker(int socket);

/* Logs a refused call by its name. who: "the daemon", "a keeper", "the asker". */
void sandbox_log_refused(const char *who, int number);
