/*
 * threads - the daemon's own threads: none that a mount needs may be missing after it.
 *
 * Where few tasks are allowed (ulimit -u, TasksMax, pids.max), starting a thread fails. So whatever must not
 * fail later is started before the mount, and what is started later only makes things faster.
 */
#pragma once

#include <pthread.h>

/* 0 or -errno. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *context);

/*
 * The calling thread has no descriptors from now on. For threads that ask the daemon's own mount: the kernel
 * lets a thread that was killed wait for the answer to a request that another thread had taken, and with its
 * descriptors it would keep the connection that the others' end would close. So the daemon would never end.
 */
void thread_forget_descriptors(void);

/*
 * Room for threads that libfuse will start after the mount: as many are started and kept until they are let
 * go. 0 or -errno.
 */
struct thread_room;
int thread_room_hold(unsigned count, struct thread_room **out);
void thread_room_free(struct thread_room *room); /* NULL is fine */

/* A queue of jobs, and threads that take them: any thread may push. */
struct pool;

struct pool_settings {
	const char *name; /* of its threads, 15 bytes at most */
	unsigned most;    /* one thread is there from the start; further ones are started while all have
			     work, if that is possible, and stay */
	void (*run)(void *job, void *context);
	void *context;
};

int pool_new(const struct pool_settings *settings, struct pool **out);
void pool_push(struct pool *pool, void *job);
/* For run(): another job that waits, which the caller does too; NULL: there is none. */
void *pool_take(struct pool *pool);
/* Waits until every job is done. NULL is fine. */
void pool_free(struct pool *pool);
