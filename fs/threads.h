/*
 * threads - the daemon's threads.
 *
 * Starting a thread fails if the number of tasks is limited (ulimit -u, TasksMax, pids.max). So all threads
 * that a mount needs are started before it. Those that are started later only make it faster.
 */
#pragma once

#include <pthread.h>

/* Starts a thread. name: 15 bytes at most. 0 or -errno. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *context);

/*
 * Reserves room for threads that libfuse will start after the mount: starts count threads, which last until
 * thread_room_free(). 0 or -errno.
 */
struct thread_room;
int thread_room_hold(unsigned count, struct thread_room **out);
void thread_room_free(struct thread_room *room); /* NULL is fine */

/* A queue of jobs, and threads that take them: any thread may push. */
struct pool;

struct pool_settings {
	const char *name; /* of the threads, 15 bytes at most */
	unsigned most;    /* most threads: one is started at once; others when all are busy, if possible, and
			     they stay */
	void (*run)(void *job, void *context);
	void *context;
};

int pool_new(const struct pool_settings *settings, struct pool **out);
void pool_push(struct pool *pool, void *job);
/* For use in run(): takes another job from the queue, which the caller must do; NULL: none waits. */
void *pool_take(struct pool *pool);
/* Waits until all jobs are done. Accepts NULL. */
void pool_free(struct pool *pool);
