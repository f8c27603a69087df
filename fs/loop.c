#include "fs/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/log.h"
#include "fs/libfuse.h"
#include "fs/loop_impl.h"
#include "fs/threads.h"

/* --- a thread ------------------------------------------------------------------------------------ */

static int add_worker(struct loop *loop);

static size_t pages_size(void)
{
	return LIBFUSE_MAX_WRITE + 3 * MAX((size_t)sysconf(_SC_PAGESIZE), 4096);
}

/*
 * Aligns the data of a write to a page, as libfuse's own loop does: O_DIRECT can use it in place. Not from
 * malloc(3): once a block of this size has been freed, malloc(3) keeps all that are smaller.
 */
static int make_buffer(struct worker *worker)
{
	const size_t before = sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in);
	void *pages = mmap(NULL, pages_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	worker->buf = (struct fuse_buf){0};
	if (pages == MAP_FAILED)
		return -errno;
	worker->pages = pages;
	worker->buf.mem = (char *)pages + sysconf(_SC_PAGESIZE) - before;
	return 0;
}

static void free_buffers(struct worker *worker)
{
	free(worker->first);
	if (worker->pages)
		munmap(worker->pages, pages_size());
}

/* Receives the first request, for which libfuse allocates the buffer. */
static int receive_first(struct worker *worker)
{
	int r = fuse_session_receive_buf(worker->loop->session, &worker->buf);

	worker->first = worker->buf.mem;
	return r;
}

/* Bytes, 0 at the end of the mount, or -errno. Only here the thread may be cancelled. */
static int receive(struct worker *worker)
{
	int r;

	if (!worker->loop->ready)
		return receive_first(worker);
	if (!worker->pages) {
		r = make_buffer(worker);
		if (r < 0)
			return r;
	}
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	r = fuse_session_receive_buf(worker->loop->session, &worker->buf);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return r;
}

static bool is_forget(const struct fuse_in_header *in)
{
	return in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET;
}

/* (locked) */
static void begin(struct worker *worker, const struct fuse_in_header *in, int64_t since_us)
{
	worker->request = *in;
	worker->since_us = since_us;
}

/* (locked) Returns the inode that the caller puts, or NULL. */
static struct inode *end(struct worker *worker)
{
	struct inode *kept = worker->kept;

	enum standing_kind kind = loop_standing_of(&worker->request);

	if (worker->answered && kind != STANDING_KINDS)
		worker->loop->standing[kind].hanging--;
	worker->request.unique = 0;
	worker->answered = false;
	worker->kept = NULL;
	return kept;
}

static void carry_out(struct worker *worker, const struct fuse_buf *buf)
{
	struct loop *loop = worker->loop;
	struct inode *kept;

	fuse_session_process_buf(loop->session, buf);
	lock_take(&loop->lock, LOCK_LOOP);
	kept = end(worker);
	lock_drop(&loop->lock, LOCK_LOOP);
	if (kept)
		tree_put(loop->settings.server->tree, kept, 1);
}

/* (locked) Queues the request. False if there is no room for it. */
static bool put_aside(struct loop *loop, const struct fuse_buf *buf)
{
	struct aside *aside = NULL;

	if (loop->aside_size + buf->size <= loop->settings.aside_max)
		aside = malloc(sizeof(*aside) + buf->size);
	if (!aside)
		return false;
	aside->since_us = clock_now_us();
	aside->size = buf->size;
	memcpy(aside->bytes, buf->mem, buf->size);
	list_push_last(&loop->aside, &aside->node);
	loop->aside_size += aside->size;
	return true;
}

/* (locked) */
void loop_take_out(struct loop *loop, struct aside *aside)
{
	list_remove(&loop->aside, &aside->node);
	loop->aside_size -= aside->size;
}

enum admission { AT_ONCE, COUNTED, ASIDE, ANSWERED };

/* Begins the request, unless it is queued or answered here. */
static enum admission admit(struct worker *worker, const struct fuse_buf *buf)
{
	const struct fuse_in_header *in = buf->mem;
	struct loop *loop = worker->loop;
	enum standing_kind kind = loop_standing_of(in);
	enum admission admission = COUNTED;
	bool full;

	lock_take(&loop->lock, LOCK_LOOP);
	loop->idle_count -= !is_forget(in);
	if (loop->ready && !loop->ending && loop->idle_count == 0 &&
		loop->thread_count < loop->settings.most + LOOP_RESERVED)
		add_worker(loop);
	full = loop->waiting_count >= loop->settings.most;
	if (full) {
		lock_drop(&loop->lock, LOCK_LOOP);
		admission = loop_may_wait(loop->settings.server, in, buf->size) ? COUNTED : AT_ONCE;
		lock_take(&loop->lock, LOCK_LOOP);
	}
	if (kind != STANDING_KINDS && loop->standing[kind].hanging) {
		loop_answer_standing(loop, kind, in->unique);
		admission = ANSWERED;
	}
	if (admission == COUNTED && loop->waiting_count >= loop->settings.most)
		admission = put_aside(loop, buf) ? ASIDE : AT_ONCE;
	loop->waiting_count += admission == COUNTED;
	if (admission == COUNTED || admission == AT_ONCE)
		begin(worker, in, clock_now_us());
	lock_drop(&loop->lock, LOCK_LOOP);
	if (admission == ASIDE && !__atomic_exchange_n(&loop->warned, true, __ATOMIC_RELAXED))
		log_warning("%u requests wait for SOURCE; further ones are queued until it answers",
			loop->settings.most);
	return admission;
}

/* Takes the next queued request, which the worker carries out in place of the one that it counted; NULL:
 * none. */
static struct aside *next_aside(struct worker *worker)
{
	struct loop *loop = worker->loop;
	struct aside *aside;

	lock_take(&loop->lock, LOCK_LOOP);
	aside = list_entry(loop->aside.first, struct aside, node);
	if (aside) {
		loop_take_out(loop, aside);
		begin(worker, (const struct fuse_in_header *)aside->bytes, aside->since_us);
	} else {
		loop->waiting_count--;
	}
	lock_drop(&loop->lock, LOCK_LOOP);
	return aside;
}

static void handle_request(struct worker *worker)
{
	const struct fuse_in_header in = *(const struct fuse_in_header *)worker->buf.mem;
	struct loop *loop = worker->loop;
	enum admission admission = admit(worker, &worker->buf);
	struct aside *aside;

	if (admission == COUNTED || admission == AT_ONCE)
		carry_out(worker, &worker->buf);
	while (admission == COUNTED && !fuse_session_exited(loop->session) && (aside = next_aside(worker))) {
		carry_out(worker, &(struct fuse_buf){.mem = aside->bytes, .size = aside->size});
		free(aside);
	}
	lock_take(&loop->lock, LOCK_LOOP);
	loop->idle_count += !is_forget(&in);
	if (!loop->ready)
		loop->ready = true;
	lock_drop(&loop->lock, LOCK_LOOP);
}

static void *work(void *data)
{
	struct worker *worker = data;
	struct loop *loop = worker->loop;
	bool first = !loop->ready;
	int r;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	while (!fuse_session_exited(loop->session)) {
		r = receive(worker);
		if (r == -EINTR)
			continue;
		if (r <= 0) {
			if (r < 0) {
				fuse_session_exit(loop->session);
				loop->error = r;
			}
			break;
		}
		handle_request(worker);
		if (first && make_buffer(worker) < 0)
			break;
		first = false;
	}
	loop_wake(loop);
	return NULL;
}

/* (locked) */
static int add_worker(struct loop *loop)
{
	struct worker *worker = &loop->workers[loop->thread_count];
	int r;

	worker->loop = loop;
	r = thread_start(&worker->thread, "fuse_worker", work, worker);
	loop->thread_count += r == 0;
	loop->idle_count += r == 0;
	return r;
}

/* --- the loop ------------------------------------------------------------------------------------ */

int loop_new(const struct loop_settings *settings, struct loop **out)
{
	struct loop *loop =
		calloc(1, sizeof(*loop) + (settings->most + LOOP_RESERVED) * sizeof(loop->workers[0]));

	if (!loop)
		return -ENOMEM;
	loop->settings = *settings;
	loop->session = settings->server->session;
	pthread_mutex_init(&loop->lock, NULL);
	sem_init(&loop->over, 0, 0);
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	struct list_node *next;

	if (!loop)
		return;
	for (struct list_node *node = loop->aside.first; node; node = next) {
		next = node->next;
		free(list_entry(node, struct aside, node));
	}
	sem_destroy(&loop->over);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

void loop_wake(struct loop *loop)
{
	if (loop)
		sem_post(&loop->over);
}

int loop_serve(struct loop *loop)
{
	int r;

	lock_take(&loop->lock, LOCK_LOOP);
	r = add_worker(loop);
	lock_drop(&loop->lock, LOCK_LOOP);
	if (r < 0)
		return r;
	while (!fuse_session_exited(loop->session))
		sem_wait(&loop->over);
	lock_take(&loop->lock, LOCK_LOOP);
	loop->ending = true;
	for (unsigned i = 0; i < loop->thread_count; i++)
		pthread_cancel(loop->workers[i].thread);
	lock_drop(&loop->lock, LOCK_LOOP);
	for (unsigned i = 0; i < loop->thread_count; i++) {
		pthread_join(loop->workers[i].thread, NULL);
		free_buffers(&loop->workers[i]);
	}
	return loop->error;
}
