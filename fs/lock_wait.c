#include "fs/lock_wait.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "cache/base/clock.h"
#include "cache/base/list.h"
#include "cache/base/lock_order.h"
#include "cache/base/log.h"
#include "fs/answer.h"
#include "fs/io.h"
#include "fs/queues.h"
#include "fs/server.h"
#include "fs/threads.h"
#include "fs/users/caller.h"

#define WAKE_SIGNAL SIGRTMIN
#define STACK_SIZE (256 << 10) /* sanitizers need it */
#define WAITERS_MAX 1024
#define LOOK_MS 100
#define WAKE_AGAIN_MS 10 /* a signal just before the thread begins to wait is lost */
#define LOOK_FOR_KILLED_EVERY 10

struct waiter {
	struct lock_waiting *waiting;
	fuse_req_t req;
	struct lock_request request;
	bool patient;
	bool is_uring;
	pid_t tid;               /* the caller */
	_Atomic unsigned *count; /* the counter of waiters that includes it */
	atomic_bool interrupted;
	int result;
	pthread_t thread;
	bool has_thread;       /* its thread still waits for the lock */
	struct list_node node; /* in waiters, then in done */
};

struct lock_waiting {
	struct server *server;
	pthread_t thread;
	_Atomic unsigned dev_count;
	pthread_mutex_t lock; /* for the fields below */
	pthread_cond_t work;
	struct list waiters, done;
	unsigned count;
	bool interrupts; /* an interrupted waiter has not left yet */
	bool ending;
};

/* --- interrupting; the lock must be held when you call a function below this line, up to the next -- */

static void interrupt(struct waiter *waiter)
{
	atomic_store(&waiter->interrupted, true);
	if (!waiter->has_thread)
		return; /* has no thread yet, or not any more */
	waiter->waiting->interrupts = true;
	pthread_kill(waiter->thread, WAKE_SIGNAL);
	pthread_cond_signal(&waiter->waiting->work);
}

static void interrupt_all(struct lock_waiting *waiting)
{
	struct waiter *waiter;

	list_for_each (waiter, &waiting->waiters, node)
		interrupt(waiter);
}

static void interrupt_again(struct lock_waiting *waiting)
{
	struct waiter *waiter;

	waiting->interrupts = false;
	list_for_each (waiter, &waiting->waiters, node)
		if (atomic_load(&waiter->interrupted))
			interrupt(waiter);
}

/* The kernel may lose an interrupt over io_uring; a killed process must not wait for ever. */
static void interrupt_killed(struct lock_waiting *waiting)
{
	struct waiter *waiter;

	list_for_each (waiter, &waiting->waiters, node)
		if (waiter->is_uring && !atomic_load(&waiter->interrupted) && caller_is_killed(waiter->tid))
			interrupt(waiter);
}

static void link_waiter(struct lock_waiting *waiting, struct waiter *waiter)
{
	list_push_first(&waiting->waiters, &waiter->node);
	waiter->has_thread = true;
	waiting->count++;
}

static void unlink_waiter(struct lock_waiting *waiting, struct waiter *waiter)
{
	list_remove(&waiting->waiters, &waiter->node);
	waiter->has_thread = false;
	waiting->count--;
}

/* --- a thread that waits ---------------------------------------------------------------------- */

static void *wait_in_thread(void *arg)
{
	struct waiter *waiter = arg;
	struct lock_waiting *waiting = waiter->waiting;
	struct lock_table *locks = waiting->server->locks;

	queues_leave_class(waiting->server->queues);
	waiter->result = waiter->patient ? lock_block(locks, &waiter->request, &waiter->interrupted)
					 : lock_settle(locks, &waiter->request);
	lock_take(&waiting->lock, LOCK_WAITERS);
	unlink_waiter(waiting, waiter);
	list_push_first(&waiting->done, &waiter->node);
	pthread_cond_signal(&waiting->work);
	lock_drop(&waiting->lock, LOCK_WAITERS);
	return NULL;
}

static int start_thread(struct waiter *waiter)
{
	pthread_attr_t attr;
	sigset_t signals;
	int r;

	sigfillset(&signals);
	sigdelset(&signals, WAKE_SIGNAL);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setsigmask_np(&attr, &signals);
	r = pthread_create(&waiter->thread, &attr, wait_in_thread, waiter);
	pthread_attr_destroy(&attr);
	return r ? -ENOLCK : 0;
}

/* --- the thread that answers ------------------------------------------------------------------ */

/* Over io_uring a reply also fetches the next request, which the kernel cancels when the thread exits: so
 * waiting threads don't reply. */
static void answer(struct waiter *waiter)
{
	fuse_req_interrupt_func(waiter->req, NULL, NULL);
	answer_err(waiter->req, -waiter->result);
	atomic_fetch_sub(waiter->count, 1);
	io_work_ends();
	free(waiter);
}

/* Releases the lock while it replies. */
static void answer_all(struct lock_waiting *waiting)
{
	struct waiter *waiter;

	while ((waiter = list_entry(waiting->done.first, struct waiter, node))) {
		list_remove(&waiting->done, &waiter->node);
		lock_drop(&waiting->lock, LOCK_WAITERS);
		answer(waiter);
		lock_take(&waiting->lock, LOCK_WAITERS);
	}
}

static void sleep_for(struct lock_waiting *waiting, long ms)
{
	const struct timespec until = clock_timespec(clock_now_ns() + ms * CLOCK_NS_PER_MS);

	pthread_cond_timedwait(&waiting->work, &waiting->lock, &until);
}

static void look_after(struct lock_waiting *waiting, unsigned round)
{
	if (waiting->ending || fuse_session_exited(waiting->server->session))
		interrupt_all(waiting);
	else if (round % LOOK_FOR_KILLED_EVERY == 0)
		interrupt_killed(waiting);
	sleep_for(waiting, waiting->interrupts ? WAKE_AGAIN_MS : LOOK_MS);
	interrupt_again(waiting);
}

static void *answer_in_thread(void *arg)
{
	struct lock_waiting *waiting = arg;

	lock_take(&waiting->lock, LOCK_WAITERS);
	for (unsigned round = 1; !waiting->ending || waiting->count || waiting->done.first; round++) {
		answer_all(waiting);
		if (waiting->count)
			look_after(waiting, round);
		else if (!waiting->ending && !waiting->done.first)
			pthread_cond_wait(&waiting->work, &waiting->lock);
	}
	lock_drop(&waiting->lock, LOCK_WAITERS);
	return NULL;
}

/* --- beginning to wait ------------------------------------------------------------------------ */

static void was_interrupted(fuse_req_t req, void *arg)
{
	struct waiter *waiter = arg;

	(void)req;
	lock_take(&waiter->waiting->lock, LOCK_WAITERS);
	interrupt(waiter);
	lock_drop(&waiter->waiting->lock, LOCK_WAITERS);
}

/* The counter that includes the waiter, and its limit. */
static _Atomic unsigned *count_of(struct lock_waiting *waiting, fuse_req_t req, unsigned *max)
{
	static __thread _Atomic unsigned of_queue; /* the queue's thread lives until all are answered */

	*max = fuse_req_is_uring(req) ? LOCK_WAIT_PER_QUEUE : WAITERS_MAX;
	return fuse_req_is_uring(req) ? &of_queue : &waiting->dev_count;
}

static int start(struct lock_waiting *waiting, struct waiter *waiter)
{
	int r;

	/* before the thread starts: from then on the waiter may be freed at any moment */
	fuse_req_interrupt_func(waiter->req, was_interrupted, waiter);
	lock_take(&waiting->lock, LOCK_WAITERS);
	r = start_thread(waiter);
	if (r == 0) {
		link_waiter(waiting, waiter);
		pthread_cond_signal(&waiting->work);
	}
	lock_drop(&waiting->lock, LOCK_WAITERS);
	if (r < 0)
		fuse_req_interrupt_func(waiter->req, NULL, NULL);
	return r;
}

static void refuse(fuse_req_t req)
{
	log_once(LOG_LEVEL_WARNING,
		"locks: too many programs wait for locks; further ones get ENOLCK (with transport=dev %d "
		"can wait)",
		WAITERS_MAX);
	answer_err(req, ENOLCK);
}

void lock_wait(struct lock_waiting *waiting, fuse_req_t req, const struct lock_request *request, bool patient)
{
	struct waiter *waiter = malloc(sizeof(*waiter));
	unsigned max;
	_Atomic unsigned *count = count_of(waiting, req, &max);
	bool too_many = atomic_fetch_add(count, 1) >= max;

	if (waiter && !too_many) {
		*waiter = (struct waiter){
			.waiting = waiting,
			.req = req,
			.request = *request,
			.patient = patient,
			.is_uring = fuse_req_is_uring(req),
			.tid = fuse_req_ctx(req)->pid,
			.count = count,
		};
		if (waiter->is_uring)
			io_hold_thread(waiting->server);
		io_work_begins();
		if (start(waiting, waiter) == 0)
			return;
		io_work_ends();
	}
	free(waiter);
	atomic_fetch_sub(count, 1);
	refuse(req);
}

/* --- start and end ---------------------------------------------------------------------------- */

static void do_nothing(int number)
{
	(void)number;
}

int lock_waiting_new(struct server *server, struct lock_waiting **out)
{
	struct lock_waiting *waiting = calloc(1, sizeof(*waiting));
	const struct sigaction action = {.sa_handler = do_nothing}; /* system calls are not restarted */
	pthread_condattr_t attr;
	int r;

	if (!waiting)
		return -ENOMEM;
	waiting->server = server;
	pthread_mutex_init(&waiting->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&waiting->work, &attr);
	pthread_condattr_destroy(&attr);
	sigaction(WAKE_SIGNAL, &action, NULL);
	r = thread_start(&waiting->thread, "sieve-lock", answer_in_thread, waiting);
	if (r == 0) {
		*out = waiting;
		return 0;
	}
	pthread_cond_destroy(&waiting->work);
	pthread_mutex_destroy(&waiting->lock);
	free(waiting);
	return r;
}

void lock_waiting_free(struct lock_waiting *waiting)
{
	if (!waiting)
		return;
	lock_take(&waiting->lock, LOCK_WAITERS);
	waiting->ending = true;
	pthread_cond_signal(&waiting->work);
	lock_drop(&waiting->lock, LOCK_WAITERS);
	pthread_join(waiting->thread, NULL);
	pthread_cond_destroy(&waiting->work);
	pthread_mutex_destroy(&waiting->lock);
	free(waiting);
}
