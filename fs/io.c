#include "fs/io.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/answer.h"
#include "fs/users/caller.h"

#define IO_BUFFER OPTIONS_MAX_READ
#define IO_ALIGN 4096
#define IDLE_MAX 16 /* structs that a pool keeps for later requests */
#define POOLS 16
#define OVERDUE_NS 1000000000ull
#define LOOKED_AT 1024 /* overdue readers checked at a time: on most machines the kernel lets fewer wait */

/* Each thread that receives requests has a pool of its own, if there are no more threads than pools. */
struct io_pool {
	pthread_mutex_t lock;
	pthread_cond_t landed;
	struct list idle, in_flight;
	unsigned idle_count, begun_count;
} __attribute__((aligned(64)));

static struct io_pool pools[POOLS] = {
	[0 ... POOLS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER, .landed = PTHREAD_COND_INITIALIZER},
};

static unsigned idle_max = IDLE_MAX;

void io_limit_idle(uint64_t memory)
{
	idle_max = (unsigned)CLAMP(memory / 16 / POOLS / IO_BUFFER, 1, IDLE_MAX);
}

static struct io_pool *own_pool(void)
{
	static _Atomic unsigned threads;
	static __thread struct io_pool *own;

	if (!own)
		own = &pools[threads++ % POOLS];
	return own;
}

struct io *io_get(fuse_req_t req, struct handle *handle)
{
	struct io_pool *pool = own_pool();
	struct io *io;

	lock_take(&pool->lock, LOCK_IO);
	io = list_entry(pool->idle.first, struct io, node);
	if (io) {
		list_remove(&pool->idle, &io->node);
		pool->idle_count--;
	}
	lock_drop(&pool->lock, LOCK_IO);
	if (!io)
		io = calloc(1, sizeof(*io));
	if (!io)
		return NULL;
	io->pool = pool;
	io->req = req;
	io->server = fuse_req_userdata(req);
	io->handle = handle;
	io->lane = handle->lane;
	io->payload = (struct payload){0};
	io->begun = false;
	return io;
}

static void io_free(struct io *io)
{
	free(io->own);
	free(io);
}

/* (locked) */
static void has_landed(struct io_pool *pool)
{
	if (--pool->begun_count == 0)
		pthread_cond_broadcast(&pool->landed);
}

void io_put(struct io *io)
{
	struct io_pool *pool = io->pool;

	lock_take(&pool->lock, LOCK_IO);
	if (io->begun)
		has_landed(pool);
	if (pool->idle_count < idle_max) {
		list_push_first(&pool->idle, &io->node);
		pool->idle_count++;
		io = NULL;
	}
	lock_drop(&pool->lock, LOCK_IO);
	if (io)
		io_free(io);
}

void io_drain(void)
{
	for (struct io_pool *pool = pools; pool < pools + POOLS; pool++) {
		struct list_node *next;

		for (struct list_node *node = pool->idle.first; node; node = next) {
			next = node->next;
			io_free(list_entry(node, struct io, node));
		}
		pool->idle = (struct list){0};
		pool->idle_count = 0;
	}
}

char *io_buffer(struct io *io, size_t size)
{
	payload_borrow(io->req, size, &io->payload);
	if (io->payload.buf)
		return io->payload.io;
	if (!io->own && posix_memalign((void **)&io->own, IO_ALIGN, IO_BUFFER) != 0)
		io->own = NULL;
	return size <= IO_BUFFER ? io->own : NULL;
}

void io_begin(struct io *io)
{
	struct io_pool *pool = io->pool;

	if (fuse_req_is_uring(io->req))
		io_hold_thread(io->server);
	io->pid = fuse_req_ctx(io->req)->pid;
	io->began_ns = clock_coarse_ns();
	io->given_up = false;
	io->begun = true;
	lock_take(&pool->lock, LOCK_IO);
	pool->begun_count++;
	list_push_first(&pool->in_flight, &io->node);
	lock_drop(&pool->lock, LOCK_IO);
}

bool io_finish(struct io *io)
{
	bool given_up;

	lock_take(&io->pool->lock, LOCK_IO);
	list_remove(&io->pool->in_flight, &io->node);
	given_up = io->given_up;
	lock_drop(&io->pool->lock, LOCK_IO);
	if (given_up) {
		payload_abandoned(&io->payload);
		handle_free(io->server, io->handle);
	}
	return !given_up;
}

static void work_begins(struct io_pool *pool)
{
	lock_take(&pool->lock, LOCK_IO);
	pool->begun_count++;
	lock_drop(&pool->lock, LOCK_IO);
}

static void work_ends(struct io_pool *pool)
{
	lock_take(&pool->lock, LOCK_IO);
	has_landed(pool);
	lock_drop(&pool->lock, LOCK_IO);
}

/* Such work may end in another thread. It is rare, so all of it is counted in one pool. */
void io_work_begins(void)
{
	work_begins(pools);
}

void io_work_ends(void)
{
	work_ends(pools);
}

void io_wait_all(struct server *server)
{
	if (server->backend)
		backend_faults_release(server->backend); /* a hanging disk of a test would never answer */
	for (struct io_pool *pool = pools; pool < pools + POOLS; pool++) {
		lock_take(&pool->lock, LOCK_IO);
		while (pool->begun_count)
			pthread_cond_wait(&pool->landed, &pool->lock);
		lock_drop(&pool->lock, LOCK_IO);
	}
}

/* --- queue threads stay until all requests are answered --------------------------------------- */

static pthread_key_t leaving;

static void wait_before_leaving(void *server)
{
	io_wait_all(server);
}

static void make_key(void)
{
	pthread_key_create(&leaving, wait_before_leaving);
}

void io_hold_thread(struct server *server)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static __thread bool held;

	if (held)
		return;
	pthread_once(&once, make_key);
	held = pthread_setspecific(leaving, server) == 0;
}

/* --- killed readers --------------------------------------------------------------------------- */

/* The pool's lock must be held when you call any of the functions below this line, up to the next one. */

static bool is_overdue(const struct io *io, uint64_t now_ns)
{
	return io->is_read && !io->given_up && now_ns - io->began_ns >= OVERDUE_NS;
}

/* Adds the pids of overdue readers, each once. */
static unsigned overdue_readers(const struct io_pool *pool, pid_t pids[LOOKED_AT], unsigned count)
{
	uint64_t now_ns = clock_coarse_ns();
	struct io *io;

	list_for_each (io, &pool->in_flight, node) {
		unsigned i = 0;

		if (count == LOOKED_AT)
			break;
		if (!is_overdue(io, now_ns))
			continue;
		while (i < count && pids[i] != io->pid)
			i++;
		if (i == count && io->pid)
			pids[count++] = io->pid;
	}
	return count;
}

/* Gives up one overdue read of this reader, if possible. Returns its request, which the caller answers, or
 * NULL. */
static fuse_req_t give_up_one(struct io_pool *pool, pid_t pid)
{
	uint64_t now_ns = clock_coarse_ns();
	struct io *io;

	list_for_each (io, &pool->in_flight, node) {
		if (io->pid != pid || !is_overdue(io, now_ns))
			continue;
		/* no-op for the daemon's own buffers, which may receive late data */
		if (payload_replace(&io->payload) < 0)
			continue;
		io->given_up = true;
		handle_hold(io->handle);
		return io->req;
	}
	return NULL;
}

/* No lock is held from here on. */

static void rescue(struct io_pool *pool, pid_t pid)
{
	fuse_req_t req;

	do {
		lock_take(&pool->lock, LOCK_IO);
		req = give_up_one(pool, pid);
		pool->begun_count += req != NULL; /* its read may end meanwhile */
		lock_drop(&pool->lock, LOCK_IO);
		if (req) {
			answer_err(req, EINTR);
			work_ends(pool);
		}
	} while (req);
}

void io_rescue(void)
{
	pid_t pids[LOOKED_AT];
	unsigned count = 0;

	for (struct io_pool *pool = pools; pool < pools + POOLS; pool++) {
		lock_take(&pool->lock, LOCK_IO);
		count = overdue_readers(pool, pids, count);
		lock_drop(&pool->lock, LOCK_IO);
	}
	for (unsigned i = 0; i < count; i++) {
		if (!caller_is_killed(pids[i]))
			continue;
		for (struct io_pool *pool = pools; pool < pools + POOLS; pool++)
			rescue(pool, pids[i]);
	}
}
