#include "fs/throttle.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/flush/flusher.h"
#include "fs/io.h"
#include "fs/server.h"
#include "fs/threads.h"
#include "fs/users/caller.h"

#define LOOK_MS 10
#define LOOK_FOR_INTERRUPTED_EVERY 10

struct throttle {
	struct server *server;
	pthread_t thread;
	pthread_mutex_t lock; /* for the fields below */
	pthread_cond_t work;
	struct list waiting; /* longest first */
	unsigned uring_count;
	bool ending;
};

/* --- the thread; under the lock ----------------------------------------------------------------- */

/* The kernel may lose an interrupt over io_uring; a killed process must not wait for ever. */
static bool was_interrupted(const struct throttled *throttled)
{
	return fuse_req_interrupted(throttled->req) ||
	       (throttled->is_uring && caller_is_killed(fuse_req_ctx(throttled->req)->pid));
}

/* The first one that may be answered; NULL: all have to go on waiting. */
static struct throttled *find_ready(struct throttle *throttle, bool look_for_interrupted)
{
	struct server *server = throttle->server;
	bool ends = throttle->ending || fuse_session_exited(server->session);
	struct throttled *throttled;

	list_for_each (throttled, &throttle->waiting, node)
		if (ends || !flusher_must_wait(server->flusher, throttled->inode) ||
			(look_for_interrupted && was_interrupted(throttled)))
			break;
	return throttled;
}

/* Releases the lock while it replies. */
static void answer_ready(struct throttle *throttle, bool look_for_interrupted)
{
	struct throttled *throttled;

	while ((throttled = find_ready(throttle, look_for_interrupted))) {
		list_remove(&throttle->waiting, &throttled->node);
		throttle->uring_count -= throttled->is_uring;
		lock_drop(&throttle->lock, LOCK_THROTTLE);
		flusher_waited(throttle->server->flusher, (uint64_t)(clock_now_ms() - throttled->since_ms));
		throttled->answer(throttled);
		io_work_ends();
		lock_take(&throttle->lock, LOCK_THROTTLE);
	}
}

static void *answer_in_thread(void *arg)
{
	struct throttle *throttle = arg;

	lock_take(&throttle->lock, LOCK_THROTTLE);
	for (unsigned round = 0; !throttle->ending || throttle->waiting.first; round++) {
		const struct timespec until = clock_timespec(clock_now_ns() + LOOK_MS * CLOCK_NS_PER_MS);

		answer_ready(throttle, round % LOOK_FOR_INTERRUPTED_EVERY == 0);
		if (throttle->waiting.first)
			pthread_cond_timedwait(&throttle->work, &throttle->lock, &until);
		else if (!throttle->ending)
			pthread_cond_wait(&throttle->work, &throttle->lock);
	}
	lock_drop(&throttle->lock, LOCK_THROTTLE);
	return NULL;
}

/* --- writers ------------------------------------------------------------------------------------ */

bool throttle_is_due(struct server *server, struct inode *inode)
{
	return server->throttle && flusher_must_wait(server->flusher, inode);
}

void throttle_answer(struct throttle *throttle, struct throttled *throttled)
{
	bool waits;

	throttled->since_ms = clock_now_ms();
	throttled->is_uring = fuse_req_is_uring(throttled->req);
	lock_take(&throttle->lock, LOCK_THROTTLE);
	waits = !throttled->is_uring || throttle->uring_count < THROTTLE_URING_MAX;
	if (waits) {
		io_work_begins();
		throttle->uring_count += throttled->is_uring;
		list_push_last(&throttle->waiting, &throttled->node);
		pthread_cond_signal(&throttle->work);
	}
	lock_drop(&throttle->lock, LOCK_THROTTLE);
	if (!waits)
		throttled->answer(throttled);
}

/* --- start and end ------------------------------------------------------------------------------ */

static void free_memory(struct throttle *throttle)
{
	pthread_cond_destroy(&throttle->work);
	pthread_mutex_destroy(&throttle->lock);
	free(throttle);
}

int throttle_new(struct server *server, struct throttle **out)
{
	struct throttle *throttle = calloc(1, sizeof(*throttle));
	pthread_condattr_t attr;
	int r;

	if (!throttle)
		return -ENOMEM;
	throttle->server = server;
	pthread_mutex_init(&throttle->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&throttle->work, &attr);
	pthread_condattr_destroy(&attr);
	r = thread_start(&throttle->thread, "sieve-throttle", answer_in_thread, throttle);
	if (r < 0)
		free_memory(throttle);
	else
		*out = throttle;
	return r;
}

void throttle_free(struct throttle *throttle)
{
	if (!throttle)
		return;
	lock_take(&throttle->lock, LOCK_THROTTLE);
	throttle->ending = true;
	pthread_cond_signal(&throttle->work);
	lock_drop(&throttle->lock, LOCK_THROTTLE);
	pthread_join(throttle->thread, NULL);
	free_memory(throttle);
}
