/* loop_impl - shared by the threads that receive requests (loop.c) and loop_rescue(), which answers in their
 * place. */
#pragma once

#include <linux/fuse.h>
#include <pthread.h>
#include <semaphore.h>
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

#include "cache/base/list.h"
#include "cache/base/lock_order.h"
#include "fs/loop.h"
#include "fs/server.h"

/* A queued request. */
struct aside {
	struct list_node node;
	int64_t since_us;
	size_t size;
	unsigned char bytes[] __attribute__((aligned(8)));
};

struct worker {
	struct loop *loop;
	pthread_t thread;
	void *pages; /* mmap()ed: the buffer, and before it space to align a write's data; NULL: none yet */
	void *first; /* libfuse's buffer of the first request; owned */
	struct fuse_buf buf;
	/* under the loop's lock */
	struct fuse_in_header request; /* the request in progress; unique is 0 if there is none */
	int64_t since_us;
	bool answered;      /* already, by loop_rescue() */
	struct inode *kept; /* with answered: a reference, since the kernel may forget the inode during the
			       operation */
};

/* Requests for the root that are answered from SOURCE's last reply while SOURCE does not answer. */
enum standing_kind { STANDING_STATFS, STANDING_ATTR, STANDING_KINDS };

struct standing {
	bool known;
	unsigned hanging; /* requests that got this answer, but whose operations still wait */
	struct {
		struct fuse_out_header head;
		union {
			struct fuse_statfs_out statfs;
			struct fuse_attr_out attr; /* with a timeout of 0 */
		};
	} answer; /* SOURCE's last */
};

struct loop {
	struct loop_settings settings;
	struct fuse_session *session;
	sem_t over;
	pthread_mutex_t lock;
	unsigned thread_count, idle_count,
		waiting_count; /* waiting_count: of threads whose request may wait for SOURCE */
	struct list aside;
	size_t aside_size;
	bool ready; /* the first request was answered: libfuse knows the largest request size */
	bool ending, warned;
	struct standing standing[STANDING_KINDS];
	int error;
	struct worker workers[];
};

/* (locked) Removes a request from the queue; the caller frees it. */
void loop_take_out(struct loop *loop, struct aside *aside);
/* Which stored answer fits the request; STANDING_KINDS: none. */
enum standing_kind loop_standing_of(const struct fuse_in_header *in);
/* (locked) Sends the stored answer as the reply to request unique. */
void loop_answer_standing(struct loop *loop, enum standing_kind kind, uint64_t unique);
