/*
 * queue_class - whether a thread that serves FUSE requests over io_uring runs in the scheduling class
 * SCHED_IDLE.
 *
 * Pure; not thread-safe. Such a thread is bound to a CPU and serves the programs there. When it replies, the
 * kernel wakes the program while the thread still runs, so the scheduler moves the program to an idle CPU, if
 * there is one: that wakes another CPU, leaves the caches of this one, and the next request goes to another
 * queue. A CPU that only runs tasks of the class SCHED_IDLE counts as idle (Linux, kernel/sched/fair.c,
 * sched_idle_cpu()). With the thread in that class, the program stays where it is and runs at once. libfuse
 * has the idea, too, but switched off (lib/fuse_uring.c): such a thread gets next to no time while other
 * tasks keep its CPU busy.
 *
 * So each thread is watched. It enters the class while it serves requests. When other tasks keep it waiting,
 * it leaves the class for a time, which doubles until the thread stays in the class for as long as it was
 * outside. After a rest, the first request is noticed (queue_class_wake()), so that the thread enters the
 * class within milliseconds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	QUEUE_CLASS_NORMAL_LOOK_MS = 1000, /* between two looks at a thread outside the class */
	QUEUE_CLASS_FIRST_LOOK_MS = 5,     /* after a rest; from then on twice as long each time */
	QUEUE_CLASS_IDLE_LOOK_MS = 20,     /* inside: bounds how long other tasks may delay a request */
	QUEUE_CLASS_BUSY = 50,             /* times a second a thread has to run for the class to matter… */
	QUEUE_CLASS_FEWEST = 8,            /* …and between two looks, to enter it */
	QUEUE_CLASS_WAIT_US = 50,          /* mean wait for the CPU that is too long… */
	QUEUE_CLASS_WAIT_SHARE = 16,       /* …if the waits are at least this part of the time */
	QUEUE_CLASS_PENALTY_MS = 1000,     /* the first time outside the class */
	QUEUE_CLASS_PENALTY_MAX_MS = 64000,
};

/* Of one thread since it started: the three numbers of /proc/PID/task/TID/schedstat. */
struct queue_class_facts {
	uint64_t run_ns, wait_ns, slices;
	bool runnable; /* it runs or waits for the CPU now; only looked at if it has not run since the last
			  look */
};

/* Zeroed memory is a valid start. */
struct queue_class {
	bool is_idle;
	bool is_known;   /* there was a look before */
	bool is_resting; /* outside the class, and it did not run between the last two looks, or there was one
			    look: queue_class_wake() is to be called */
	struct queue_class_facts last;
	int64_t last_ms, since_ms, busy_ms, return_ms;
	uint32_t pause_ms; /* from the last look to the next */
	uint32_t penalty_ms;
	uint32_t returns; /* times that the thread left the class because it had to wait */
};

/* Looks at a thread. Returns whether it belongs into the class SCHED_IDLE. now_ms: of any monotonic clock. */
bool queue_class_look(struct queue_class *queue, const struct queue_class_facts *facts, int64_t now_ms);
/* The first request of a resting thread. */
void queue_class_wake(struct queue_class *queue, int64_t now_ms);
/* The time of the next look. */
int64_t queue_class_next_ms(const struct queue_class *queue);
