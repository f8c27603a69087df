/*
 * helper - a process beside the daemon, for what the daemon itself can't do.
 *
 * It is forked before the daemon has threads or opens the mount. It keeps nothing of the daemon but one end
 * of a socket, on which each write() is one message, and where it reads the end when the daemon is gone.
 */
#pragma once

#include <sys/types.h>

/*
 * Starts a helper, which calls run() with its end of the socket, with all signals ignored that can be, in the
 * root directory; it ends when run() returns. Its log goes to syslog. name: 15 bytes at most. Returns the
 * process, and in *socket the daemon's end, or -errno.
 */
pid_t helper_start(
	const char *name, void (*run)(int socket, const void *context), const void *context, int *socket);

/* From either end: the bytes of one message, 0 at the end of the other process, or -1. */
ssize_t helper_receive(int socket, void *message, size_t size);
