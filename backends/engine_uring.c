/*
 * engine_uring - the engine on io_uring. One ring for each CPU (up to a bound), since the kernel serialises
 * submissions to one ring; each ring has a thread that takes completions in batches and calls done(). Threads
 * submit to the ring of their CPU under a short lock, engine threads to their own ring, so that readahead
 * goes on without waking another thread.
 */
#include "backends/engine_impl.h"
#include "backends/uring_worker.h"
#include "cache/base/lock_order.h"
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	RING_ENTRIES = 256,
	REAP_BATCH = 32,
	/* for requests that the kernel can't do without blocking: buffered reads and writes */
	WORKERS_MAX = 64,
	WORKER_START_MS = 2000, /* of a ring's thread, which takes its first request after that */
};

struct ring {
	struct uring_engine *owner;
	struct io_uring uring;
	pthread_mutex_t submit_lock;
	pthread_mutex_t reap_lock;
	struct engine_op *backlog, **backlog_tail; /* found no place in the ring */
	_Atomic unsigned in_flight;                /* submitted, in the backlog or being answered */
	_Atomic bool stopping;
	bool wake_armed; /* a read of wake_fd is in the ring; under the submit lock */
	int wake_fd;
	uint64_t wake_value;
	pthread_t thread;
	sem_t started;
	int start_result;
};

struct uring_engine {
	struct engine engine;
	unsigned ring_count;
	struct ring rings[];
};

static _Thread_local struct ring *own_ring;
static _Thread_local bool reaping; /* this thread is in a done() already */
static _Thread_local char self;    /* its address names the thread */

static void ring_wake(struct ring *ring)
{
	uint64_t one = 1;

	(void)!write(ring->wake_fd, &one, sizeof(one));
}

/* The submit lock must be held when you call any of the functions below this line, up to the next one. */

static bool ring_place(struct ring *ring, struct engine_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe)
		return false;
	switch (op->verb) {
	case ENGINE_READ:
		io_uring_prep_read(sqe, op->fd, op->buf, op->size, op->offset);
		sqe->rw_flags = op->rw_flags;
		break;
	case ENGINE_WRITE:
		io_uring_prep_write(sqe, op->fd, op->buf, op->size, op->offset);
		sqe->rw_flags = op->rw_flags;
		break;
	case ENGINE_SYNC:
		io_uring_prep_sync_file_range(sqe, op->fd, op->size, op->offset, op->rw_flags);
		break;
	case ENGINE_DROP:
		io_uring_prep_fadvise(sqe, op->fd, op->offset, op->size, POSIX_FADV_DONTNEED);
		break;
	}
	if (op->blocking)
		sqe->flags |= IOSQE_ASYNC;
	io_uring_sqe_set_data(sqe, op);
	engine_op_hand_over(op);
	return true;
}

/* Places the backlog in the ring, and submits. False: some of it still waits. */
static bool ring_push(struct ring *ring)
{
	for (;;) {
		while (ring->backlog) {
			struct engine_op *op = ring->backlog, *next = op->next;

			if (!ring_place(ring, op))
				break;
			ring->backlog = next;
		}
		if (!ring->backlog)
			ring->backlog_tail = &ring->backlog;
		if (!io_uring_sq_ready(&ring->uring))
			return true;
		if (io_uring_submit(&ring->uring) <= 0)
			return false;
	}
}

/* False: the ring is full, and the caller must try again, or the next wake-up is lost. */
static bool ring_arm_wake(struct ring *ring)
{
	struct io_uring_sqe *sqe;

	if (ring->wake_armed)
		return true;
	sqe = io_uring_get_sqe(&ring->uring);
	if (!sqe)
		return false;
	io_uring_prep_read(sqe, ring->wake_fd, &ring->wake_value, sizeof(ring->wake_value), 0);
	io_uring_sqe_set_data(sqe, NULL);
	ring->wake_armed = true;
	return true;
}

/* No lock is held from here on. */

/* True when nothing waits for the ring's thread to try it again. */
static bool ring_refill(struct ring *ring, bool woken)
{
	bool armed, pushed;

	lock_take(&ring->submit_lock, LOCK_ENGINE);
	if (woken)
		ring->wake_armed = false;
	armed = ring_arm_wake(ring);
	pushed = ring_push(ring);
	lock_drop(&ring->submit_lock, LOCK_ENGINE);
	return armed && pushed;
}

static void ring_submit(struct ring *ring, struct engine_op *op)
{
	bool may_push = uring_worker_is_there(), pushed;
	unsigned count = 1;

	lock_take(&ring->submit_lock, LOCK_ENGINE);
	*ring->backlog_tail = op;
	for (; op->next; op = op->next)
		count++;
	ring->backlog_tail = &op->next;
	atomic_fetch_add(&ring->in_flight, count);
	pushed = may_push && ring_push(ring);
	lock_drop(&ring->submit_lock, LOCK_ENGINE);
	/* The kernel was out of memory, for example: the ring's thread tries again. */
	if (!pushed && ring != own_ring)
		ring_wake(ring);
}

static void ring_complete(struct ring *ring, struct engine_op *op, int result)
{
	engine_op_take_over(op);
	if (engine_result_is_transient(result)) {
		/* The kernel cancels the requests of a submitting thread that ends. EAGAIN asks for a context
		 * that may block. */
		op->next = NULL;
		op->blocking = true;
		ring_submit(ring, op);
	} else {
		op->done(op, result);
	}
	atomic_fetch_sub(&ring->in_flight, 1);
}

/* For the ring's thread: takes what has completed, and calls done(). Every thread that takes completions
 * holds the reap lock meanwhile. Returns their number. */
static unsigned ring_reap(struct ring *ring, bool *woken)
{
	struct io_uring_cqe *cqes[REAP_BATCH];
	struct {
		struct engine_op *op;
		int result;
	} done[REAP_BATCH];
	unsigned count;

	lock_take(&ring->reap_lock, LOCK_REAP);
	count = io_uring_peek_batch_cqe(&ring->uring, cqes, REAP_BATCH);

	for (unsigned i = 0; i < count; i++) {
		done[i].op = io_uring_cqe_get_data(cqes[i]);
		done[i].result = cqes[i]->res;
	}
	io_uring_cq_advance(&ring->uring, count);
	lock_drop(&ring->reap_lock, LOCK_REAP);
	for (unsigned i = 0; i < count; i++) {
		if (done[i].op)
			ring_complete(ring, done[i].op, done[i].result);
		else
			*woken = true;
	}
	return count;
}

static bool op_is_own(struct engine_op *op)
{
	if (!op)
		return false;
	engine_op_take_over(op);
	return op->here && op->submitter == &self;
}

/* The ring's next completion, if it is of an op that this thread submitted and may answer; else NULL. */
static struct engine_op *ring_take_own(struct ring *ring, int *result)
{
	struct engine_op *op = NULL;
	struct io_uring_cqe *cqe;

	lock_take(&ring->reap_lock, LOCK_REAP);
	if (io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
		op = io_uring_cqe_get_data(cqe);
		*result = cqe->res;
		if (op_is_own(op))
			io_uring_cqe_seen(&ring->uring, cqe);
		else
			op = NULL;
	}
	lock_drop(&ring->reap_lock, LOCK_REAP);
	return op;
}

/*
 * A device in memory (zram, pmem) is done before the submission returns: then this thread calls done(), and
 * no other one has to run. Only for ops that this thread submitted: it may hold the lock of a FUSE queue that
 * the reply to another thread's op waits for, while that thread holds its own queue's lock and waits for this
 * one's. The rest is left to the ring's thread, which the completion has woken. Not from within a done(),
 * which would nest without bound.
 */
static void ring_reap_own(struct ring *ring)
{
	struct engine_op *op;
	int result;

	reaping = true;
	while ((op = ring_take_own(ring, &result)))
		ring_complete(ring, op, result);
	reaping = false;
}

static void *ring_run(void *context)
{
	struct ring *ring = context;
	bool settled;
	int r = uring_worker_start(WORKER_START_MS);

	ring->start_result = r;
	sem_post(&ring->started);
	if (r < 0)
		return NULL;
	own_ring = ring;
	settled = ring_refill(ring, false);
	while (!atomic_load(&ring->stopping) || atomic_load(&ring->in_flight)) {
		struct __kernel_timespec pause = {.tv_nsec = 1000000};
		struct io_uring_cqe *cqe;
		bool woken = false;

		io_uring_wait_cqe_timeout(&ring->uring, &cqe, settled ? NULL : &pause);
		while (ring_reap(ring, &woken) == REAP_BATCH)
			;
		settled = ring_refill(ring, woken);
	}
	return NULL;
}

static void uring_submit(struct engine *engine, struct engine_op *op)
{
	struct uring_engine *uring = (struct uring_engine *)engine;
	struct engine_op *each = op;
	struct ring *ring = own_ring;
	bool own = false;
	int cpu;

	do {
		each->blocking = false;
		each->submitter = &self;
		own |= each->here;
		each = each->next;
	} while (each);
	if (!ring || ring->owner != uring) {
		cpu = sched_getcpu();
		ring = &uring->rings[(cpu < 0 ? 0 : (unsigned)cpu) % uring->ring_count];
	}
	ring_submit(ring, op);
	if (own && !own_ring && !reaping)
		ring_reap_own(ring);
}

static void ring_deinit(struct ring *ring)
{
	io_uring_queue_exit(&ring->uring);
	close(ring->wake_fd);
	sem_destroy(&ring->started);
	pthread_mutex_destroy(&ring->submit_lock);
	pthread_mutex_destroy(&ring->reap_lock);
}

static int ring_init(struct ring *ring, struct uring_engine *owner)
{
	unsigned workers[2] = {WORKERS_MAX, 0};
	int r;

	ring->owner = owner;
	ring->backlog_tail = &ring->backlog;
	ring->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (ring->wake_fd < 0)
		return -errno;
	r = io_uring_queue_init(RING_ENTRIES, &ring->uring, IORING_SETUP_CLAMP);
	if (r < 0) {
		close(ring->wake_fd);
		return r;
	}
	io_uring_ring_dontfork(&ring->uring);
	io_uring_register_iowq_max_workers(&ring->uring, workers);
	pthread_mutex_init(&ring->submit_lock, NULL);
	pthread_mutex_init(&ring->reap_lock, NULL);
	sem_init(&ring->started, 0, 0);
	r = engine_thread_start(&ring->thread, "sieve-io", ring_run, ring);
	if (r == 0) {
		while (sem_wait(&ring->started) < 0)
			;
		r = ring->start_result;
		if (r < 0)
			pthread_join(ring->thread, NULL);
	}
	if (r < 0)
		ring_deinit(ring);
	return r;
}

/* All rings are told to stop before the first is freed. Until then only a done() may submit to another ring,
 * and its own op counts as in flight meanwhile. */
static void uring_free(struct engine *engine)
{
	struct uring_engine *uring = (struct uring_engine *)engine;

	for (unsigned i = 0; i < uring->ring_count; i++) {
		atomic_store(&uring->rings[i].stopping, true);
		ring_wake(&uring->rings[i]);
	}
	for (unsigned i = 0; i < uring->ring_count; i++) {
		pthread_join(uring->rings[i].thread, NULL);
		ring_deinit(&uring->rings[i]);
	}
	free(uring);
}

static const struct engine_impl uring_impl = {
	.name = "io_uring",
	.submit = uring_submit,
	.free = uring_free,
};

int engine_uring_new(unsigned ring_count, struct engine **out)
{
	struct uring_engine *uring = calloc(1, sizeof(*uring) + ring_count * sizeof(uring->rings[0]));
	int r;

	if (!uring)
		return -ENOMEM;
	uring->engine.impl = &uring_impl;
	for (; uring->ring_count < ring_count; uring->ring_count++) {
		r = ring_init(&uring->rings[uring->ring_count], uring);
		if (r < 0) {
			uring_free(&uring->engine);
			return r;
		}
	}
	*out = &uring->engine;
	return 0;
}
