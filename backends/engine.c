#include "backends/engine.h"
#include "backends/engine_impl.h"
#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum {
	RING_COUNT_MAX = 4,
	POOL_THREADS_MIN = 8,
};

static unsigned cpu_count(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online < 1 ? 1 : (unsigned)online;
}

int engine_new(const struct engine_settings *settings, struct engine **out)
{
	unsigned cpus = cpu_count();
	unsigned rings = settings->thread_count;
	unsigned threads = settings->thread_count;

	if (!settings->threads_only) {
		if (!rings)
			rings = cpus < RING_COUNT_MAX ? cpus : RING_COUNT_MAX;
		if (engine_uring_new(rings, out) == 0)
			return 0;
	}
	if (!threads)
		threads = 4 * cpus < POOL_THREADS_MIN ? POOL_THREADS_MIN : 4 * cpus;
	return engine_threads_new(threads, out);
}

void engine_free(struct engine *engine)
{
	if (engine)
		engine->impl->free(engine);
}

void engine_submit(struct engine *engine, struct engine_op *op)
{
	engine->impl->submit(engine, op);
}

bool engine_is_uring(const struct engine *engine)
{
	return engine->impl->name[0] == 'i';
}

int engine_thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *context)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(thread, NULL, run, context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return -r;
	pthread_setname_np(*thread, name);
	return 0;
}
