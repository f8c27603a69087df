/*
 * engine_threads - the engine where io_uring is refused (ENOSYS, or EPERM by seccomp or sysctl): a queue, and
 * threads that make blocking calls.
 */
#include "backends/engine_impl.h"
#include "cache/base/lock_order.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>

struct pool {
	struct engine engine;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct engine_op *head, **tail;
	bool stopping;
	unsigned thread_count;
	pthread_t threads[];
};

/* -1 and errno. */
static ssize_t op_try(const struct engine_op *op)
{
	struct iovec iov = {.iov_base = op->buf, .iov_len = op->size};

	switch (op->verb) {
	case ENGINE_READ:
		return preadv2(op->fd, &iov, 1, op->offset, op->rw_flags);
	case ENGINE_WRITE:
		return pwritev2(op->fd, &iov, 1, op->offset, op->rw_flags);
	case ENGINE_SYNC:
		return sync_file_range(op->fd, op->offset, op->size, op->rw_flags);
	case ENGINE_DROP:
		errno = posix_fadvise(op->fd, op->offset, op->size, POSIX_FADV_DONTNEED);
		return errno ? -1 : 0;
	}
	errno = EINVAL;
	return -1;
}

/* A file system that has no room for the request just now (EAGAIN) is not asked again at once. */
static ssize_t op_run(const struct engine_op *op)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	ssize_t moved;

	for (;;) {
		moved = op_try(op);
		if (moved >= 0)
			return moved;
		if (!engine_result_is_transient(-errno))
			return -errno;
		if (errno != EINTR)
			nanosleep(&pause, NULL);
	}
}

static struct engine_op *pool_take(struct pool *pool)
{
	struct engine_op *op;

	lock_take(&pool->lock, LOCK_ENGINE);
	while (!pool->head && !pool->stopping)
		pthread_cond_wait(&pool->filled, &pool->lock);
	op = pool->head;
	if (op) {
		pool->head = op->next;
		if (!pool->head)
			pool->tail = &pool->head;
	}
	lock_drop(&pool->lock, LOCK_ENGINE);
	return op;
}

static void *pool_run(void *context)
{
	struct pool *pool = context;
	struct engine_op *op;

	while ((op = pool_take(pool))) {
		ssize_t result = op_run(op);

		op->done(op, result);
	}
	return NULL;
}

static void pool_submit(struct engine *engine, struct engine_op *op)
{
	struct pool *pool = (struct pool *)engine;
	bool many = op->next;

	lock_take(&pool->lock, LOCK_ENGINE);
	*pool->tail = op;
	while (op->next)
		op = op->next;
	pool->tail = &op->next;
	lock_drop(&pool->lock, LOCK_ENGINE);
	if (many)
		pthread_cond_broadcast(&pool->filled);
	else
		pthread_cond_signal(&pool->filled);
}

static void pool_free(struct engine *engine)
{
	struct pool *pool = (struct pool *)engine;

	lock_take(&pool->lock, LOCK_ENGINE);
	pool->stopping = true;
	lock_drop(&pool->lock, LOCK_ENGINE);
	pthread_cond_broadcast(&pool->filled);
	for (unsigned i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->filled);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static const struct engine_impl pool_impl = {
	.name = "threads",
	.submit = pool_submit,
	.free = pool_free,
};

int engine_threads_new(unsigned thread_count, struct engine **out)
{
	struct pool *pool = calloc(1, sizeof(*pool) + thread_count * sizeof(pool->threads[0]));
	int r;

	if (!pool)
		return -ENOMEM;
	pool->engine.impl = &pool_impl;
	pool->tail = &pool->head;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->filled, NULL);
	for (; pool->thread_count < thread_count; pool->thread_count++) {
		r = engine_thread_start(&pool->threads[pool->thread_count], "sieve-io", pool_run, pool);
		if (r < 0) {
			pool_free(&pool->engine);
			return r;
		}
	}
	*out = &pool->engine;
	return 0;
}
