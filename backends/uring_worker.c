#include "backends/uring_worker.h"
#include "cache/base/clock.h"
#include <errno.h>
#include <liburing.h>
#include <pthread.h>

enum {
	TRY_MS = 100, /* at a thread's first request */
};

static _Thread_local enum { WORKER_UNTRIED, WORKER_THERE, WORKER_NONE } own_worker;

/* 0 or -errno. Uses a ring of its own, since requests in another one may wait for this thread. */
static int try_to_start(unsigned limit_ms)
{
	struct __kernel_timespec limit = {limit_ms / 1000, limit_ms % 1000 * CLOCK_NS_PER_MS};
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe = NULL;
	struct io_uring uring;
	int r = io_uring_queue_init(1, &uring, IORING_SETUP_CLAMP);

	if (r < 0)
		return r;
	sqe = io_uring_get_sqe(&uring);
	io_uring_prep_nop(sqe);
	sqe->flags |= IOSQE_ASYNC;
	r = io_uring_submit(&uring);
	if (r > 0)
		r = io_uring_wait_cqe_timeout(&uring, &cqe, &limit);
	if (r == 0)
		r = cqe ? cqe->res : -EAGAIN;
	io_uring_queue_exit(&uring);
	return r == -ETIME || r == -ECANCELED ? -EAGAIN : r;
}

int uring_worker_start(unsigned limit_ms)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	int r;

	pthread_mutex_lock(&one_at_a_time);
	r = try_to_start(limit_ms);
	pthread_mutex_unlock(&one_at_a_time);
	own_worker = r == 0 ? WORKER_THERE : WORKER_NONE;
	return r;
}

bool uring_worker_is_there(void)
{
	if (own_worker == WORKER_UNTRIED)
		uring_worker_start(TRY_MS);
	return own_worker == WORKER_THERE;
}
