/*
 * watchdog - tells the service manager that the mount makes progress, as often as it wants to hear that
 * (WatchdogSec=, sd_watchdog_enabled(3)).
 *
 * One thread asks the mount for its control file, which takes the kernel, a thread of libfuse's and no disk.
 * Another sends WATCHDOG=1 while that is answered and the ticker comes round. Where one is late, it still
 * sends if a thread of the daemon waits for a disk or for another FUSE file system: a daemon that is started
 * anew would wait for it too, and programs would lose their open files.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

struct watchdog {
	uint64_t period_us; /* 0: nobody wants to hear */
	char *question;     /* a path */
	_Atomic int64_t answered_us, ticked_us;
	_Atomic bool mounted;
	_Atomic pid_t asker; /* its thread waits for this mount, which is no excuse */
	pthread_t threads[2];
	unsigned thread_count;
	GMutex lock; /* for ending */
	GCond wake;
	bool ending;
};

/* Before the mount. foreground: else the manager is somebody else's. 0 or -errno; watchdog_end() is legal
 * after either. */
int watchdog_start(struct watchdog *watchdog, const char *mountpoint, bool foreground);
/* From any thread: the mount answers; the ticker has come round. */
void watchdog_mounted(struct watchdog *watchdog);
void watchdog_ticked(struct watchdog *watchdog);
/* Once it is unmounted: a question may be waiting. */
void watchdog_end(struct watchdog *watchdog);

/* Whether a thread of this process, but for one, waits for a disk or a FUSE file system. */
bool watchdog_sees_waiting(pid_t but);
