#include "fs/threads.h"
#include "cache/base/lock_order.h"

#include <errno.h>
#include <glib.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *context)
{
	int r = pthread_create(thread, NULL, run, context);

	if (r != 0)
		return -r;
	pthread_setname_np(*thread, name);
	return 0;
}

/* --- room for libfuse's threads ---------------------------------------------------------------- */

struct thread_room {
	sem_t let_go;
	unsigned count;
	pthread_t threads[];
};

static void *take_room(void *data)
{
	struct thread_room *room = data;

	while (sem_wait(&room->let_go) < 0)
		;
	return NULL;
}

int thread_room_hold(unsigned count, struct thread_room **out)
{
	struct thread_room *room = calloc(1, sizeof(*room) + count * sizeof(room->threads[0]));
	int r = 0;

	if (!room)
		return -ENOMEM;
	sem_init(&room->let_go, 0, 0);
	while (r == 0 && room->count < count) {
		r = thread_start(&room->threads[room->count], "sieve-room", take_room, room);
		room->count += r == 0;
	}
	if (r == 0)
		*out = room;
	else
		thread_room_free(room);
	return r;
}

void thread_room_free(struct thread_room *room)
{
	if (!room)
		return;
	for (unsigned i = 0; i < room->count; i++)
		sem_post(&room->let_go);
	for (unsigned i = 0; i < room->count; i++)
		pthread_join(room->threads[i], NULL);
	sem_destroy(&room->let_go);
	free(room);
}

/* --- pools --------------------------------------------------------------------------------------- */

struct pool {
	struct pool_settings settings;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	GQueue jobs;
	unsigned idle_count, thread_count;
	bool ending;
	pthread_t threads[];
};

/* (locked) False if the pool has ended. */
static bool wait_for_job(struct pool *pool)
{
	pool->idle_count++;
	while (g_queue_is_empty(&pool->jobs) && !pool->ending)
		pthread_cond_wait(&pool->filled, &pool->lock);
	pool->idle_count--;
	return !g_queue_is_empty(&pool->jobs);
}

static int add_thread(struct pool *pool);

static void *pool_run(void *data)
{
	struct pool *pool = data;

	lock_take(&pool->lock, LOCK_POOL);
	while (wait_for_job(pool)) {
		void *job = g_queue_pop_head(&pool->jobs);

		/* not in pool_push(): a thread inherits the credentials of the thread that starts it */
		if (pool->idle_count == 0 && pool->thread_count < pool->settings.most)
			add_thread(pool);
		lock_drop(&pool->lock, LOCK_POOL);
		pool->settings.run(job, pool->settings.context);
		lock_take(&pool->lock, LOCK_POOL);
	}
	lock_drop(&pool->lock, LOCK_POOL);
	return NULL;
}

/* (locked) */
static int add_thread(struct pool *pool)
{
	int r = thread_start(&pool->threads[pool->thread_count], pool->settings.name, pool_run, pool);

	pool->thread_count += r == 0;
	return r;
}

int pool_new(const struct pool_settings *settings, struct pool **out)
{
	struct pool *pool = calloc(1, sizeof(*pool) + settings->most * sizeof(pool->threads[0]));
	int r;

	if (!pool)
		return -ENOMEM;
	pool->settings = *settings;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->filled, NULL);
	lock_take(&pool->lock, LOCK_POOL);
	r = add_thread(pool);
	lock_drop(&pool->lock, LOCK_POOL);
	if (r == 0)
		*out = pool;
	else
		pool_free(pool);
	return r;
}

void pool_push(struct pool *pool, void *job)
{
	lock_take(&pool->lock, LOCK_POOL);
	g_queue_push_tail(&pool->jobs, job);
	lock_drop(&pool->lock, LOCK_POOL);
	pthread_cond_signal(&pool->filled); /* unlocked, so that the woken thread need not wait */
}

void *pool_take(struct pool *pool)
{
	void *job;

	lock_take(&pool->lock, LOCK_POOL);
	job = g_queue_pop_head(&pool->jobs);
	lock_drop(&pool->lock, LOCK_POOL);
	return job;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	lock_take(&pool->lock, LOCK_POOL);
	pool->ending = true;
	pthread_cond_broadcast(&pool->filled);
	lock_drop(&pool->lock, LOCK_POOL);
	for (unsigned i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->filled);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
