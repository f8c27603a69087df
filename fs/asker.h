/*
 * asker - a process that makes requests to the daemon's own mount.
 *
 * A thread of the daemon would keep a killed daemon from ending: it would go on waiting for the reply to a
 * request that another thread had received. Only the end of the connection would wake it, and it would itself
 * keep that open, by its descriptors and by the rings that are mapped into the memory of all threads. The
 * asker has neither.
 *
 * It answers one question at a time. If it is gone, the mount counts as one that answers.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct asker {
	const char *mountpoint;
	char *control;  /* path of the mount's control file */
	bool sandboxed; /* it keeps only the rights that it needs */
	pid_t process;
	int socket; /* to it; -1: there is none */
};

/* Starts the process (it forks: call before there are threads). 0 or -errno. */
int asker_begin(struct asker *asker, const char *mountpoint, bool sandboxed);
/* Ends the process and waits for that. Call once the connection is closed: until then it may be waiting for
 * the mount. */
void asker_end(struct asker *asker);

/* Whether the mount answers statvfs(2) and stat(2), as programs use them first. From any thread; waits. */
bool asker_tries_mount(struct asker *asker);
/* Returns once the mount has answered statx(2) of the control file, which takes the kernel and a thread of
 * libfuse's, but no disk; an error is an answer, too. From any thread; waits. */
void asker_tries_control(struct asker *asker);
