#include "backends/window.h"
#include "backends/backend.h"
#include "backends/resident.h"
#include "backends/stamp.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	CHUNK_COUNT = 64,
	CHUNK_SIZE_MIN = 128 << 10,
	WINDOW_START = 2 << 20,
	WINDOW_MIN = 1 << 20,
};

enum chunk_state {
	CHUNK_FREE,
	CHUNK_FLYING,
	CHUNK_READY,
};

struct chunk {
	struct engine_op op;
	struct window *window;
	enum chunk_state state;
	bool doomed;   /* to be freed when it has come and nobody copies from it */
	unsigned pins; /* copies under way */
	struct buffer *buffer;
	off_t offset;
	size_t size; /* asked for; once ready, what came */
	size_t used; /* handed out */
	struct stamp stamp;
	uint64_t generation;
	struct backend_request *waiters;
};

struct window {
	struct window_host *host;
	int fd;
	struct node *node;
	size_t align;
	pthread_mutex_t lock;
	unsigned refs;
	bool closed;
	size_t bytes; /* how far to read ahead */
	unsigned flying;
	bool placed; /* next is meant */
	enum detect_order order;
	int64_t stride;
	off_t position; /* where the reader is: end of its last request, start of it when it goes backwards */
	size_t record;  /* size of a strided reader's requests */
	off_t next;     /* what to read ahead next: start, or end when going backwards */
	struct chunk chunks[CHUNK_COUNT];
};

struct window *window_new(struct window_host *host, int fd, struct node *node, size_t align)
{
	struct window *window = calloc(1, sizeof(*window));

	if (!window)
		return NULL;
	window->host = host;
	window->fd = fd;
	window->node = node;
	window->align = align > PAGE ? align : PAGE;
	window->refs = 1;
	window->bytes = WINDOW_START;
	pthread_mutex_init(&window->lock, NULL);
	for (int i = 0; i < CHUNK_COUNT; i++)
		window->chunks[i].window = window;
	atomic_fetch_add(&host->count, 1);
	return window;
}

/* The lock must be held when you call any of the functions below this line, up to the next one. */

static void chunk_free(struct chunk *chunk)
{
	struct backend_stats *stats = chunk->window->host->stats;

	backend_count(&stats->readahead_used_bytes, chunk->used < chunk->size ? chunk->used : chunk->size);
	if (chunk->used < chunk->size)
		backend_count(&stats->readahead_wasted_bytes, chunk->size - chunk->used);
	buffers_give(chunk->window->host->buffers, chunk->buffer);
	chunk->buffer = NULL;
	chunk->state = CHUNK_FREE;
	chunk->doomed = false;
}

static void chunk_retire(struct chunk *chunk)
{
	if (chunk->state == CHUNK_FREE)
		return;
	if (chunk->state == CHUNK_FLYING || chunk->pins)
		chunk->doomed = true;
	else
		chunk_free(chunk);
}

static void window_retire_all(struct window *window)
{
	for (int i = 0; i < CHUNK_COUNT; i++)
		chunk_retire(&window->chunks[i]);
	window->placed = false;
}

static struct chunk *window_find(struct window *window, off_t offset)
{
	for (int i = 0; i < CHUNK_COUNT; i++) {
		struct chunk *chunk = &window->chunks[i];

		if (chunk->state != CHUNK_FREE && !chunk->doomed && offset >= chunk->offset &&
			offset < chunk->offset + (off_t)chunk->size)
			return chunk;
	}
	return NULL;
}

static struct chunk *window_free_slot(struct window *window)
{
	for (int i = 0; i < CHUNK_COUNT; i++) {
		if (window->chunks[i].state == CHUNK_FREE)
			return &window->chunks[i];
	}
	return NULL;
}

static unsigned window_buffer_count(const struct window *window)
{
	unsigned count = 0;

	for (int i = 0; i < CHUNK_COUNT; i++)
		count += window->chunks[i].state != CHUNK_FREE;
	return count;
}

static size_t window_bytes_max(const struct window *window)
{
	unsigned windows = atomic_load_explicit(&window->host->count, memory_order_relaxed);
	size_t share = window->host->buffers->count_max * BUFFER_SIZE / (windows ? windows : 1);

	return window->host->readahead < share ? window->host->readahead : share;
}

static void window_grow(struct window *window)
{
	size_t max = window_bytes_max(window);

	window->bytes = 2 * window->bytes < max ? 2 * window->bytes : max;
}

static void window_shrink(struct window *window)
{
	if (window->bytes / 2 >= WINDOW_MIN)
		window->bytes /= 2;
}

/* Small while the window is, so that the first chunk is soon there; as large as a buffer when it has grown.
 */
static size_t window_chunk_size(const struct window *window)
{
	size_t wanted = window->bytes / (window->host->depth ? window->host->depth : 1);
	size_t size = CHUNK_SIZE_MIN;

	while (2 * size <= wanted && 2 * size <= BUFFER_SIZE)
		size *= 2;
	return size;
}

/* Throws away what the reader has left behind, but for a little that a request overtaken by others may still
 * want. */
static void window_pass(struct window *window)
{
	for (int i = 0; i < CHUNK_COUNT; i++) {
		struct chunk *chunk = &window->chunks[i];
		off_t end = chunk->offset + (off_t)chunk->size;
		bool passed;

		if (chunk->state == CHUNK_FREE || chunk->doomed)
			continue;
		if (window->order == DETECT_BACKWARD ||
			(window->order == DETECT_STRIDED && window->stride < 0))
			passed = chunk->offset >= window->position + 2 * BUFFER_SIZE;
		else
			passed = end + 2 * BUFFER_SIZE <= window->position;
		if (passed) {
			chunk_retire(chunk);
			window_shrink(window);
		}
	}
}

/* The next range to read ahead, or false when the window is wide enough. */
static bool window_next_range(struct window *window, uint64_t file_size, off_t *start, off_t *end)
{
	off_t chunk = window_chunk_size(window), align = window->align;
	off_t bytes = window->bytes;

	switch (window->order) {
	case DETECT_FORWARD:
		if (window->next < window->position)
			window->next = window->position & ~(align - 1);
		*start = window->next;
		*end = (*start + chunk) & ~(chunk - 1);
		return *start < (off_t)file_size && *start < window->position + bytes;
	case DETECT_BACKWARD:
		if (window->next > window->position)
			window->next = (window->position + align - 1) & ~(align - 1);
		*end = window->next;
		*start = *end > 0 ? (*end - 1) & ~(chunk - 1) : 0;
		return *end > 0 && *end + bytes > window->position;
	case DETECT_STRIDED:
		if ((window->next - window->position) / window->stride <= 0)
			window->next = window->position + window->stride;
		*start = window->next & ~(align - 1);
		*end = (window->next + (off_t)window->record + align - 1) & ~(align - 1);
		return window->next >= 0 && *start < (off_t)file_size && *end - *start <= BUFFER_SIZE &&
		       llabs((window->next - window->position) / window->stride) < window->host->depth;
	case DETECT_NONE:
		break;
	}
	return false;
}

static void window_step_over(struct window *window, off_t start, off_t end)
{
	if (window->order == DETECT_STRIDED)
		window->next += window->stride;
	else
		window->next = window->order == DETECT_BACKWARD ? start : end;
}

static void chunk_done(struct engine_op *op, ssize_t result);

static bool chunk_prepare(struct chunk *chunk, const struct stamp *stamp, off_t start, off_t end)
{
	struct window *window = chunk->window;

	chunk->buffer = buffers_take(window->host->buffers);
	if (!chunk->buffer)
		return false;
	chunk->state = CHUNK_FLYING;
	chunk->offset = start;
	chunk->size = end - start;
	chunk->used = 0;
	chunk->stamp = *stamp;
	chunk->generation = node_generation(window->node);
	chunk->op = (struct engine_op){
		.verb = ENGINE_READ,
		.fd = window->fd,
		.buf = chunk->buffer->data,
		.size = chunk->size,
		.offset = chunk->offset,
		.done = chunk_done,
	};
	window->flying++;
	window->refs++;
	return true;
}

static bool window_is_resident(const struct window *window, off_t start, off_t end)
{
	return resident_pages(window->fd, start, end - start) >= (uint64_t)(end - start) / PAGE;
}

/* A list of reads to submit, as far as the bounds let it. */
static struct engine_op *window_plan(struct window *window)
{
	struct engine_op *first = NULL, **tail = &first;
	struct stamp stamp;
	off_t start, end;

	if (window->closed || window->order == DETECT_NONE)
		return NULL;
	if (stamp_take(window->fd, &stamp) < 0 || !stamp_is_settled(&stamp))
		return NULL;
	while (window->flying < window->host->depth && window_next_range(window, stamp.size, &start, &end)) {
		struct chunk *chunk = window_free_slot(window);

		if (!window_find(window, start) && !window_is_resident(window, start, end)) {
			if (!chunk || window_buffer_count(window) * BUFFER_SIZE >=
					      window_bytes_max(window) + BUFFER_SIZE)
				break;
			if (!chunk_prepare(chunk, &stamp, start, end))
				break;
			*tail = &chunk->op;
			tail = &chunk->op.next;
		}
		window_step_over(window, start, end);
	}
	return first;
}

/* The lock is not held from here on. */

void window_get(struct window *window)
{
	pthread_mutex_lock(&window->lock);
	window->refs++;
	pthread_mutex_unlock(&window->lock);
}

void window_put(struct window *window)
{
	bool last;

	pthread_mutex_lock(&window->lock);
	last = --window->refs == 0;
	pthread_mutex_unlock(&window->lock);
	if (!last)
		return;
	close(window->fd);
	nodes_put(window->host->nodes, window->node);
	pthread_mutex_destroy(&window->lock);
	free(window);
}

static void window_fill(struct window *window)
{
	struct engine_op *ops;

	pthread_mutex_lock(&window->lock);
	ops = window_plan(window);
	pthread_mutex_unlock(&window->lock);
	if (ops)
		engine_submit(window->host->engine, ops);
}

static void chunk_done(struct engine_op *op, ssize_t result)
{
	struct chunk *chunk = (struct chunk *)op;
	struct window *window = chunk->window;
	struct backend_request *waiters, *next;

	pthread_mutex_lock(&window->lock);
	waiters = chunk->waiters;
	chunk->waiters = NULL;
	chunk->state = CHUNK_READY;
	chunk->size = result > 0 ? result : 0;
	backend_count(&window->host->stats->readahead_bytes, chunk->size);
	window->flying--;
	/* An error is the reader's to see, when it gets there and reads for itself. */
	if (chunk->doomed || result <= 0)
		chunk_free(chunk);
	pthread_mutex_unlock(&window->lock);
	for (; waiters; waiters = next) {
		next = waiters->work.next;
		window->host->resume(waiters);
	}
	window_fill(window);
	window_put(window);
}

static bool chunk_is_fresh(const struct chunk *chunk)
{
	struct stamp now;

	return chunk->generation == node_generation(chunk->window->node) &&
	       stamp_take(chunk->window->fd, &now) == 0 && stamp_equals(&now, &chunk->stamp);
}

/* The chunk was pinned: its buffer stays while the lock is not held. */
static size_t chunk_copy(struct chunk *chunk, void *buf, size_t size, off_t offset)
{
	struct window *window = chunk->window;
	size_t skip = offset - chunk->offset;
	size_t moved = chunk->size - skip < size ? chunk->size - skip : size;
	bool fresh = chunk_is_fresh(chunk);

	if (fresh)
		memcpy(buf, chunk->buffer->data + skip, moved);
	pthread_mutex_lock(&window->lock);
	chunk->pins--;
	if (fresh) {
		chunk->used += moved;
		if (chunk->used >= chunk->size && !chunk->doomed) {
			window_grow(window);
			chunk->doomed = true;
		}
	} else {
		backend_count(&window->host->stats->readahead_stale, 1);
		window_retire_all(window);
	}
	if (chunk->doomed && !chunk->pins)
		chunk_free(chunk);
	pthread_mutex_unlock(&window->lock);
	return fresh ? moved : 0;
}

enum window_answer window_take(struct window *window, struct backend_request *request, void *buf, size_t size,
	off_t offset, size_t *moved)
{
	enum window_answer answer = WINDOW_MISS;
	struct chunk *chunk;

	pthread_mutex_lock(&window->lock);
	chunk = window_find(window, offset);
	if (chunk && chunk->state == CHUNK_FLYING) {
		request->work.next = chunk->waiters;
		chunk->waiters = request;
		answer = WINDOW_WAITS;
	} else if (chunk) {
		chunk->pins++;
		answer = WINDOW_COPIED;
	}
	pthread_mutex_unlock(&window->lock);
	if (answer != WINDOW_COPIED)
		return answer;
	*moved = chunk_copy(chunk, buf, size, offset);
	return *moved ? WINDOW_COPIED : WINDOW_MISS;
}

void window_advance(struct window *window, enum detect_order order, int64_t stride, off_t offset, size_t size)
{
	pthread_mutex_lock(&window->lock);
	if (order != window->order || (order == DETECT_STRIDED && stride != window->stride))
		window_retire_all(window);
	window->order = order;
	window->stride = stride;
	window->record = size;
	if (order == DETECT_FORWARD) {
		if (!window->placed || offset + (off_t)size > window->position ||
			offset + 4 * BUFFER_SIZE < window->position)
			window->position = offset + (off_t)size;
	} else {
		window->position = offset;
	}
	if (!window->placed) {
		window->next = order == DETECT_STRIDED ? offset + stride : window->position;
		window->placed = true;
	}
	window_pass(window);
	pthread_mutex_unlock(&window->lock);
	window_fill(window);
}

void window_shut(struct window *window)
{
	pthread_mutex_lock(&window->lock);
	window->order = DETECT_NONE;
	window_retire_all(window);
	window_shrink(window);
	pthread_mutex_unlock(&window->lock);
}

void window_close(struct window *window)
{
	pthread_mutex_lock(&window->lock);
	window->closed = true;
	window_retire_all(window);
	pthread_mutex_unlock(&window->lock);
	atomic_fetch_sub(&window->host->count, 1);
	window_put(window);
}
