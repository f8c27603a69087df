/*
 * engine_impl - what a kind of engine provides. Included by the kinds only.
 */
#pragma once

#include "backends/engine.h"
#include <errno.h>
#include <pthread.h>

struct engine_impl {
	const char *name;
	void (*submit)(struct engine *engine, struct engine_op *op);
	void (*free)(struct engine *engine);
};

struct engine {
	const struct engine_impl *impl;
};

struct fault_plan;

/* Takes over inner on success; the plan must outlive the last op. */
int engine_faulty_wrap(struct engine *inner, struct fault_plan *plan, struct engine **out);

int engine_uring_new(unsigned ring_count, struct engine **out);
int engine_threads_new(unsigned thread_count, struct engine **out);

/* Starts a thread with every signal blocked (they are the main thread's) and with this name. 0 or -errno. */
int engine_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *context);

/* Orders the submitter's writes to the op before the engine thread's reads: the pointer passes through the
 * kernel, so nothing else orders them. */
static inline void engine_op_hand_over(struct engine_op *op)
{
	__atomic_store_n(&op->handed, 1, __ATOMIC_RELEASE);
}

static inline void engine_op_take_over(struct engine_op *op)
{
	(void)__atomic_load_n(&op->handed, __ATOMIC_ACQUIRE);
}

static inline bool engine_result_is_transient(ssize_t result)
{
	return result == -EINTR || result == -EAGAIN || result == -ECANCELED;
}
