#include "backends/engine.h"
#include "tests/backends/fixture.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	FILE_SIZE = 1 << 20,
	OP_COUNT = 64,
	OP_SIZE = FILE_SIZE / OP_COUNT,
};

struct counted_op {
	struct engine_op op;
	sem_t *done;
	ssize_t result;
};

static void op_done(struct engine_op *op, ssize_t result)
{
	struct counted_op *counted = (struct counted_op *)op;

	counted->result = result;
	sem_post(counted->done);
}

static struct engine *engine_of(void **state, bool threads_only)
{
	struct engine_settings settings = {.threads_only = threads_only};
	struct engine *engine;

	assert_int_equal(engine_new(&settings, &engine), 0);
	return engine;
}

static void many_reads(struct engine *engine)
{
	struct counted_op ops[OP_COUNT];
	struct fixture fixture;
	unsigned char *buf = buffer_new(FILE_SIZE);
	sem_t done;

	fixture_init(&fixture, ".", FILE_SIZE);
	sem_init(&done, 0, 0);
	for (int i = 0; i < OP_COUNT; i++) {
		ops[i] = (struct counted_op){
			.op = {.verb = ENGINE_READ,
				.fd = fixture.fd,
				.buf = buf + i * OP_SIZE,
				.size = OP_SIZE,
				.offset = i * OP_SIZE,
				.done = op_done,
				.next = i + 1 < OP_COUNT ? &ops[i + 1].op : NULL},
			.done = &done,
		};
	}
	engine_submit(engine, &ops[0].op);
	for (int i = 0; i < OP_COUNT; i++)
		sem_wait(&done);
	for (int i = 0; i < OP_COUNT; i++)
		assert_int_equal(ops[i].result, OP_SIZE);
	assert_pattern(buf, FILE_SIZE, 0);
	engine_free(engine);
	free(buf);
	fixture_deinit(&fixture);
}

static void rings_do_a_list_of_reads(void **state)
{
	many_reads(engine_of(state, false));
}

static void threads_do_a_list_of_reads(void **state)
{
	many_reads(engine_of(state, true));
}

static void bad_descriptor(struct engine *engine)
{
	char byte;
	sem_t done;
	struct counted_op counted = {
		.op = {.verb = ENGINE_READ, .fd = -1, .buf = &byte, .size = 1, .done = op_done},
		.done = &done,
	};

	sem_init(&done, 0, 0);
	engine_submit(engine, &counted.op);
	sem_wait(&done);
	assert_int_equal(counted.result, -EBADF);
	engine_free(engine);
}

static void rings_return_the_errno(void **state)
{
	bad_descriptor(engine_of(state, false));
}

static void threads_return_the_errno(void **state)
{
	bad_descriptor(engine_of(state, true));
}

struct chain {
	struct engine_op op;
	struct engine *engine;
	unsigned left;
	sem_t done;
};

static void chain_done(struct engine_op *op, ssize_t result)
{
	struct chain *chain = (struct chain *)op;

	assert_int_equal(result, 16);
	if (--chain->left) {
		op->next = NULL;
		engine_submit(chain->engine, op);
	} else {
		sem_post(&chain->done);
	}
}

static void done_may_submit_again(void **state)
{
	for (int threads_only = 0; threads_only < 2; threads_only++) {
		struct fixture fixture;
		char buf[16];
		struct chain chain = {.left = 1000};

		fixture_init(&fixture, ".", 4096);
		chain.engine = engine_of(state, threads_only);
		chain.op = (struct engine_op){.verb = ENGINE_READ,
			.fd = fixture.fd,
			.buf = buf,
			.size = sizeof(buf),
			.done = chain_done};
		sem_init(&chain.done, 0, 0);
		engine_submit(chain.engine, &chain.op);
		sem_wait(&chain.done);
		engine_free(chain.engine);
		fixture_deinit(&fixture);
	}
}

static void freeing_waits_for_what_is_in_flight(void **state)
{
	for (int threads_only = 0; threads_only < 2; threads_only++) {
		struct engine *engine = engine_of(state, threads_only);
		struct counted_op ops[OP_COUNT];
		struct fixture fixture;
		unsigned char *buf = buffer_new(FILE_SIZE);
		int count;
		sem_t done;

		fixture_init(&fixture, ".", FILE_SIZE);
		sem_init(&done, 0, 0);
		for (int i = 0; i < OP_COUNT; i++) {
			ops[i] = (struct counted_op){
				.op = {.verb = ENGINE_READ,
					.fd = fixture.fd,
					.buf = buf + i * OP_SIZE,
					.size = OP_SIZE,
					.offset = i * OP_SIZE,
					.done = op_done},
				.done = &done,
			};
			engine_submit(engine, &ops[i].op);
		}
		engine_free(engine);
		sem_getvalue(&done, &count);
		assert_int_equal(count, OP_COUNT);
		free(buf);
		fixture_deinit(&fixture);
	}
}

enum {
	SUBMITTERS = 4,
	ROUNDS = 3000,
};

/* A thread that holds a lock of its own while it submits, as a queue of FUSE requests does. */
struct submitter {
	pthread_t thread;
	pthread_mutex_t lock;
	struct engine *engine;
	int fd;
	struct submitter *all;
	atomic_uint *foreign; /* answers that another submitting thread gave */
};

struct answered_op {
	struct engine_op op;
	struct submitter *submitter;
	sem_t done;
};

static void answer(struct engine_op *op, ssize_t result)
{
	struct answered_op *answered = (struct answered_op *)op;
	struct submitter *submitter = answered->submitter;

	for (int i = 0; i < SUBMITTERS; i++) {
		if (&submitter->all[i] != submitter &&
			pthread_equal(submitter->all[i].thread, pthread_self()))
			atomic_fetch_add(submitter->foreign, 1);
	}
	sem_post(&answered->done);
}

static void *submit_holding_a_lock(void *context)
{
	struct submitter *submitter = context;
	char buf[512];

	/* all thread ids are written by now */
	pthread_mutex_lock(&submitter->lock);
	for (int i = 0; i < ROUNDS; i++) {
		struct answered_op answered = {
			.op = {.verb = ENGINE_READ,
				.fd = submitter->fd,
				.buf = buf,
				.size = sizeof(buf),
				.done = answer,
				.here = true},
			.submitter = submitter,
		};

		sem_init(&answered.done, 0, 0);
		engine_submit(submitter->engine, &answered.op);
		sem_wait(&answered.done);
		sem_destroy(&answered.done);
	}
	pthread_mutex_unlock(&submitter->lock);
	return NULL;
}

/* Else two of them wait for each other for ever: one answers the other's request, whose lock it needs. */
static void a_submitting_thread_answers_only_what_it_submitted(void **state)
{
	struct engine_settings settings = {.thread_count = 1};
	struct submitter submitters[SUBMITTERS];
	struct fixture fixture;
	atomic_uint foreign = 0;
	struct engine *engine;

	assert_int_equal(engine_new(&settings, &engine), 0);
	fixture_init(&fixture, ".", 4096);
	for (int i = 0; i < SUBMITTERS; i++) {
		submitters[i] = (struct submitter){
			.engine = engine, .fd = fixture.fd, .all = submitters, .foreign = &foreign};
		pthread_mutex_init(&submitters[i].lock, NULL);
		pthread_mutex_lock(&submitters[i].lock);
	}
	for (int i = 0; i < SUBMITTERS; i++)
		pthread_create(&submitters[i].thread, NULL, submit_holding_a_lock, &submitters[i]);
	for (int i = 0; i < SUBMITTERS; i++)
		pthread_mutex_unlock(&submitters[i].lock);
	for (int i = 0; i < SUBMITTERS; i++) {
		pthread_join(submitters[i].thread, NULL);
		pthread_mutex_destroy(&submitters[i].lock);
	}
	assert_int_equal(foreign, 0);
	engine_free(engine);
	fixture_deinit(&fixture);
}

struct held_op {
	struct engine_op op;
	pthread_t thread;
	sem_t done;
	sem_t *hold; /* what its done() waits for, or NULL */
};

static void note_thread(struct engine_op *op, ssize_t result)
{
	struct held_op *held = (struct held_op *)op;

	held->thread = pthread_self();
	sem_post(&held->done);
	if (held->hold)
		sem_wait(held->hold);
}

static void submit_held(struct engine *engine, struct held_op *held, int fd, char *buf, bool here)
{
	held->op = (struct engine_op){
		.verb = ENGINE_READ, .fd = fd, .buf = buf, .size = 512, .done = note_thread, .here = here};
	sem_init(&held->done, 0, 0);
	engine_submit(engine, &held->op);
}

/* Who submits may hold a lock that such an answer takes. The ring's own thread is busy meanwhile. */
static void what_may_not_be_answered_here_is_left_to_the_rings_thread(void **state)
{
	struct engine_settings settings = {.thread_count = 1};
	struct held_op busy, left = {.hold = NULL}, here = {.hold = NULL};
	struct fixture fixture;
	struct engine *engine;
	char buf[512];
	sem_t hold;

	assert_int_equal(engine_new(&settings, &engine), 0);
	fixture_init(&fixture, ".", 4096);
	assert_int_equal(pread(fixture.fd, buf, sizeof(buf), 0), sizeof(buf)); /* nothing to wait for */
	sem_init(&hold, 0, 0);
	busy.hold = &hold;
	submit_held(engine, &busy, fixture.fd, buf, false);
	sem_wait(&busy.done);
	submit_held(engine, &left, fixture.fd, buf, false);
	submit_held(engine, &here, fixture.fd, buf, true);
	sem_post(&hold);
	sem_wait(&left.done);
	sem_wait(&here.done);
	assert_false(pthread_equal(busy.thread, pthread_self()));
	assert_false(pthread_equal(left.thread, pthread_self()));
	engine_free(engine);
	fixture_deinit(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_do_a_list_of_reads),
		cmocka_unit_test(threads_do_a_list_of_reads),
		cmocka_unit_test(rings_return_the_errno),
		cmocka_unit_test(threads_return_the_errno),
		cmocka_unit_test(done_may_submit_again),
		cmocka_unit_test(freeing_waits_for_what_is_in_flight),
		cmocka_unit_test(a_submitting_thread_answers_only_what_it_submitted),
		cmocka_unit_test(what_may_not_be_answered_here_is_left_to_the_rings_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
