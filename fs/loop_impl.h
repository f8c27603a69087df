/* loop_impl - what the threads that take requests (loop.c) and who answers in their place (loop_rescue.c)
 * share. */
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

/* A request that waits for a thread. */
struct aside {
	struct list_node node;
	int64_t since_us;
	size_t size;
	unsigned char bytes[] __attribute__((aligned(8)));
};

struct worker {
	struct loop *loop;
	pthread_t thread;
	void *pages; /* mapped: the buffer, and before it room to align what a write brings; NULL: none yet */
	void *first; /* owned: libfuse's, of the first request */
	struct fuse_buf buf;
	/* under the loop's lock */
	struct fuse_in_header request; /* what it carries out; unique is 0 where it has none */
	int64_t since_us;
	bool answered;      /* by loop_rescue() */
	struct inode *kept; /* then: the kernel may forget it while the operation goes on */
};

/* What is answered of the root in SOURCE's place, if that does not answer. */
enum standing_kind { STANDING_STATFS, STANDING_ATTR, STANDING_KINDS };

struct standing {
	bool known;
	unsigned hanging; /* requests that were answered so, and whose operation still waits */
	struct {
		struct fuse_out_header head;
		union {
			struct fuse_statfs_out statfs;
			struct fuse_attr_out attr; /* not to be kept by the kernel */
		};
	} answer; /* the last one of SOURCE's */
};

struct loop {
	struct loop_settings settings;
	struct fuse_session *session;
	sem_t over;
	pthread_mutex_t lock;
	unsigned thread_count, idle_count, waiting_count; /* waiting: that may wait for SOURCE */
	struct list aside;
	size_t aside_size;
	bool ready; /* the first request has been answered, and libfuse knows how long others can be */
	bool ending, warned;
	struct standing standing[STANDING_KINDS];
	int error;
	struct worker workers[];
};

/* (locked) The request is no longer put aside; it is the caller's to free. */
void loop_take_out(struct loop *loop, struct aside *aside);
/* What is known of the root in place of such a request's answer; STANDING_KINDS: it is another request. */
enum standing_kind loop_standing_of(const struct fuse_in_header *in);
/* (locked) */
void loop_answer_standing(struct loop *loop, enum standing_kind kind, uint64_t unique);
