/*
 * queues - the threads of libfuse that serve requests over io_uring, one for each CPU: sets their scheduling
 * class (cache/policy/queue_class.h).
 *
 * A thread of its own looks at them once a second, every 20 ms at those in the class SCHED_IDLE, and soon at
 * one that gets a request after a rest.
 */
#pragma once

#include <stdint.h>

struct queues;

/* Starts the thread, before the mount; it finds the queues once they exist. 0 or -errno. */
int queues_new(struct queues **out);
/* Stops it. NULL is fine. */
void queues_free(struct queues *queues);

/* One of them has got a request. Called by it, before each operation. Accepts NULL. */
void queues_note(struct queues *queues);

/* For the beginning of a thread that a queue's thread started: it inherited the class. Accepts NULL. */
void queues_leave_class(const struct queues *queues);

struct queues_figures {
	uint64_t idle;    /* threads in the class SCHED_IDLE now */
	uint64_t returns; /* times that one left it because it had to wait for other tasks */
};
/* From any thread. queues may be NULL. */
void queues_read_figures(struct queues *queues, struct queues_figures *figures);
