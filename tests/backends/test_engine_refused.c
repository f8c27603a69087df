/*
 * What the kernel refuses for a while: submissions of a ring, single requests, and the worker of a thread.
 * The functions of liburing that the engine calls are these here, which pass on what they do not change.
 */
#include "backends/engine.h"
#include "tests/backends/fixture.h"
#include <dlfcn.h>
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	OP_COUNT = 8,
	OP_SIZE = 4096,
	LIMIT_S = 20,
};

static atomic_int refused_submissions; /* so many fail */
static _Atomic(void *) retried_op;     /* its first completion is changed to … */
static atomic_int retried_result;
static atomic_bool workers_are_refused;
static _Thread_local bool submits_itself; /* … is what this thread never does where it has no worker */
static atomic_int own_submissions;

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

int io_uring_submit(struct io_uring *ring)
{
	if (submits_itself)
		own_submissions++;
	if (atomic_load(&refused_submissions) > 0 && atomic_fetch_sub(&refused_submissions, 1) > 0)
		return -EAGAIN;
	return REAL(io_uring_submit)(ring);
}

/* The engine asks so for the completion that shows that a worker has started. */
int io_uring_wait_cqe_timeout(
	struct io_uring *ring, struct io_uring_cqe **cqe, struct __kernel_timespec *limit)
{
	if (workers_are_refused && submits_itself)
		return -ETIME;
	return REAL(io_uring_wait_cqe_timeout)(ring, cqe, limit);
}

unsigned io_uring_peek_batch_cqe(struct io_uring *ring, struct io_uring_cqe **cqes, unsigned count)
{
	unsigned n = REAL(io_uring_peek_batch_cqe)(ring, cqes, count);

	for (unsigned i = 0; i < n; i++) {
		void *op = io_uring_cqe_get_data(cqes[i]);

		if (op && atomic_compare_exchange_strong(&retried_op, &op, NULL))
			cqes[i]->res = atomic_load(&retried_result);
	}
	return n;
}

struct counted_op {
	struct engine_op op;
	atomic_int done_count;
	sem_t *done;
	ssize_t result;
};

static void op_done(struct engine_op *op, ssize_t result)
{
	struct counted_op *counted = (struct counted_op *)op;

	counted->result = result;
	counted->done_count++;
	sem_post(counted->done);
}

static void wait_for(sem_t *done)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += LIMIT_S;
	if (sem_timedwait(done, &limit) < 0)
		fail_msg("a request was not done within %d s", LIMIT_S);
}

struct list {
	struct counted_op ops[OP_COUNT];
	struct fixture fixture;
	struct engine *engine;
	unsigned char *buf;
	sem_t done;
};

static void list_init(struct list *list)
{
	struct engine_settings settings = {.thread_count = 1};

	assert_int_equal(engine_new(&settings, &list->engine), 0);
	if (!engine_is_uring(list->engine)) {
		engine_free(list->engine);
		skip();
	}
	fixture_init(&list->fixture, ".", OP_COUNT * OP_SIZE);
	list->buf = buffer_new(OP_COUNT * OP_SIZE);
	sem_init(&list->done, 0, 0);
	for (int i = 0; i < OP_COUNT; i++)
		list->ops[i] = (struct counted_op){
			.op = {.verb = ENGINE_READ,
				.fd = list->fixture.fd,
				.buf = list->buf + i * OP_SIZE,
				.size = OP_SIZE,
				.offset = i * OP_SIZE,
				.done = op_done,
				.next = i + 1 < OP_COUNT ? &list->ops[i + 1].op : NULL},
			.done = &list->done,
		};
}

/* Each was done once, and rightly. */
static void list_finish(struct list *list)
{
	for (int i = 0; i < OP_COUNT; i++)
		wait_for(&list->done);
	engine_free(list->engine); /* what was made twice is done by then */
	for (int i = 0; i < OP_COUNT; i++) {
		assert_int_equal(list->ops[i].done_count, 1);
		assert_int_equal(list->ops[i].result, OP_SIZE);
	}
	assert_pattern(list->buf, OP_COUNT * OP_SIZE, 0);
	free(list->buf);
	sem_destroy(&list->done);
	fixture_deinit(&list->fixture);
}

static void a_submission_that_the_kernel_refuses_is_made_by_the_rings_thread(void **state)
{
	struct list list;

	for (int refused = 1; refused <= 3; refused++) {
		list_init(&list);
		/* this thread's first request also starts its worker */
		engine_submit(list.engine, &list.ops[OP_COUNT - 1].op);
		wait_for(&list.done);
		list.ops[OP_COUNT - 1].done_count = 0;
		atomic_store(&refused_submissions, refused);
		engine_submit(list.engine, &list.ops[0].op);
		list_finish(&list);
		assert_true(atomic_load(&refused_submissions) <= 0);
		atomic_store(&refused_submissions, 0);
	}
}

static void one_of_a_list_is_made_again_alone(void **state)
{
	static const int results[] = {-EAGAIN, -EINTR, -ECANCELED};
	struct list list;

	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++) {
		list_init(&list);
		atomic_store(&retried_result, results[i]);
		atomic_store(&retried_op, &list.ops[2].op);
		engine_submit(list.engine, &list.ops[0].op);
		list_finish(&list);
		assert_null(atomic_load(&retried_op));
		for (int n = 0; n < OP_COUNT; n++) /* or EAGAIN would be the answer again */
			assert_int_equal(list.ops[n].op.blocking, n == 2);
	}
}

static void *submit_without_a_worker(void *data)
{
	struct list *list = data;

	submits_itself = true;
	engine_submit(list->engine, &list->ops[0].op);
	return NULL;
}

/* The one submission is that of the attempt to start a worker. */
static void a_thread_without_a_worker_leaves_its_requests_to_the_rings_thread(void **state)
{
	struct list list;
	pthread_t thread;

	list_init(&list);
	atomic_store(&workers_are_refused, true);
	assert_int_equal(pthread_create(&thread, NULL, submit_without_a_worker, &list), 0);
	pthread_join(thread, NULL);
	list_finish(&list);
	assert_int_equal(atomic_load(&own_submissions), 1);
	atomic_store(&workers_are_refused, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_submission_that_the_kernel_refuses_is_made_by_the_rings_thread),
		cmocka_unit_test(one_of_a_list_is_made_again_alone),
		cmocka_unit_test(a_thread_without_a_worker_leaves_its_requests_to_the_rings_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
