/*
 * watchdog - tells the service manager that the mount makes progress (WatchdogSec=, sd_watchdog_enabled(3)).
 *
 * One thread has the asker (fs/asker.h) try the mount's control file again and again. Another sends
 * WATCHDOG=1 while these calls are answered and the ticker runs. If one of them is late, it still sends as
 * long as a thread of the daemon waits for a disk or another FUSE file system: a restarted daemon would wait
 * there too, and programs would lose their open files.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

struct asker;

struct watchdog {
	uint64_t period_us; /* 0: the manager expects no messages */
	struct asker *asker;
	_Atomic int64_t answered_us, ticked_us;
	_Atomic bool mounted;
	pthread_t threads[2];
	unsigned thread_count;
	GMutex lock; /* for ending */
	GCond wake;
	bool ending;
};

/* Call before the mount. Without foreground it does nothing: the manager watches the process that was
 * started, not the daemon. 0 or -errno; watchdog_end() is legal after either. */
int watchdog_start(struct watchdog *watchdog, struct asker *asker, bool foreground);
/* From any thread: the mount answers; the ticker has completed a round. */
void watchdog_mounted(struct watchdog *watchdog);
void watchdog_ticked(struct watchdog *watchdog);
/* Ends the threads. Call after unmounting: until then one of them may be waiting for the mount. */
void watchdog_end(struct watchdog *watchdog);

/* Whether a thread of this process waits for a disk or a FUSE file system. */
bool watchdog_sees_waiting(void);
