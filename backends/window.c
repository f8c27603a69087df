#include "backends/window.h"
#include "backends/backend_request.h"
#include "backends/window_chunk.h"
#include "backends/window_plan.h"
#include "backends/window_share.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	WINDOW_START = 2 << 20,
};

/* Age limit of readahead on network file systems: their clients may keep old attributes for longer. */
#define REMOTE_AGE_NS 1000000000ull

struct window *window_new(struct window_host *host, const struct window_file *file)
{
	struct window *window = calloc(1, sizeof(*window));

	if (!window)
		return NULL;
	window->host = host;
	window->fd = file->fd;
	window->node = file->node;
	window->align = file->align > PAGE ? file->align : PAGE;
	window->local = file->local;
	window->refs = 1;
	window->bytes = WINDOW_START;
	pthread_mutex_init(&window->lock, NULL);
	window->node->window_count++;
	for (int i = 0; i < CHUNK_COUNT; i++)
		window->chunks[i].window = window;
	window_host_add(host, &window->seat);
	return window;
}

void window_get(struct window *window)
{
	lock_take(&window->lock, LOCK_WINDOW);
	window->refs++;
	lock_drop(&window->lock, LOCK_WINDOW);
}

void window_put(struct window *window)
{
	bool last;

	lock_take(&window->lock, LOCK_WINDOW);
	last = --window->refs == 0;
	lock_drop(&window->lock, LOCK_WINDOW);
	if (!last)
		return;
	window_host_remove(window->host, &window->seat);
	close(window->fd);
	nodes_put(window->host->nodes, window->node);
	pthread_mutex_destroy(&window->lock);
	free(window);
}

static void window_fill(struct window *window);

static void chunk_done(struct engine_op *op, ssize_t result)
{
	struct chunk *chunk = (struct chunk *)op;
	struct window *window = chunk->window;
	struct backend_request *waiters, *next;

	lock_take(&window->lock, LOCK_WINDOW);
	waiters = chunk->waiters;
	chunk->waiters = NULL;
	chunk->state = CHUNK_READY;
	chunk->size = result > 0 ? result : 0;
	if (chunk->size < chunk->wanted)
		chunk->wanted = chunk->size;
	backend_count(&window->host->stats->readahead_bytes, chunk->size);
	window->flying--;
	/* The reader meets an error when it gets there and reads the bytes itself. */
	if (chunk->doomed || result <= 0)
		chunk_retire(chunk);
	lock_drop(&window->lock, LOCK_WINDOW);
	for (; waiters; waiters = next) {
		next = waiters->work.next;
		window->host->resume(waiters);
	}
	window_fill(window);
	window_put(window);
}

static void window_fill(struct window *window)
{
	struct engine_op *ops;

	lock_take(&window->lock, LOCK_WINDOW);
	ops = window_plan(window);
	lock_drop(&window->lock, LOCK_WINDOW);
	for (struct engine_op *op = ops; op; op = op->next)
		op->done = chunk_done;
	if (ops)
		engine_submit(window->host->engine, ops);
}

static bool chunk_is_fresh(const struct chunk *chunk)
{
	struct stamp now;

	if (!chunk->window->local && clock_coarse_ns() - chunk->read_ns > REMOTE_AGE_NS)
		return false;
	return chunk->generation == node_generation(chunk->window->node) &&
	       stamp_take(chunk->window->fd, &now) == 0 && stamp_equals(&now, &chunk->stamp);
}

/* (locked) The window's own reader took moved bytes of the chunk. */
static void chunk_used(struct chunk *chunk, size_t moved)
{
	struct window *window = chunk->window;

	chunk->used += moved;
	if (chunk->used < chunk->wanted || chunk->doomed || chunk->spent)
		return;
	window_grow(window);
	if (window_has_company(window))
		chunk->spent = true;
	else
		chunk->doomed = true;
}

/* The chunk is pinned, so its buffer stays while the lock is not held. Unpins it. */
static size_t chunk_copy(struct chunk *chunk, bool own, void *buf, size_t size, off_t offset)
{
	struct window *window = chunk->window;
	size_t skip = offset - chunk->offset;
	size_t moved = chunk->size - skip < size ? chunk->size - skip : size;
	bool fresh = chunk_is_fresh(chunk);

	if (fresh)
		memcpy(buf, chunk->buffer->data + skip, moved);
	lock_take(&window->lock, LOCK_WINDOW);
	chunk->pins--;
	if (fresh && own) {
		chunk_used(chunk, moved);
	} else if (fresh) {
		backend_count(&window->host->stats->readahead_shared_bytes, moved);
	} else {
		backend_count(&window->host->stats->readahead_stale, 1);
		window_retire_all(window);
	}
	if (chunk->doomed && !chunk->pins)
		chunk_retire(chunk);
	lock_drop(&window->lock, LOCK_WINDOW);
	return fresh ? moved : 0;
}

enum window_answer window_take(struct window *window, struct backend_request *request, void *buf, size_t size,
	off_t offset, size_t *moved)
{
	enum chunk_answer answer = CHUNK_NONE;
	struct chunk *chunk;
	bool own;

	lock_take(&window->lock, LOCK_WINDOW);
	chunk = window_find(window, offset);
	if (chunk)
		answer = chunk_claim(chunk, request);
	lock_drop(&window->lock, LOCK_WINDOW);
	own = chunk;
	if (!own)
		answer = window_share(window, request, offset, &chunk);
	if (answer != CHUNK_PINNED)
		return answer == CHUNK_AWAITED ? WINDOW_WAITS : WINDOW_MISS;
	*moved = chunk_copy(chunk, own, buf, size, offset);
	if (!own)
		window_put(chunk->window);
	return *moved ? WINDOW_COPIED : WINDOW_MISS;
}

/* (locked) Whether the order is another than before, or the record not the one that was expected. */
static bool window_turns(
	const struct window *window, enum detect_order order, const struct detect_record *record)
{
	if (order != window->order)
		return true;
	return order == DETECT_STRIDED && (record->stride != window->record.stride ||
						  (!record->stride && record->start != window->record.start));
}

/* (locked) */
static void window_set_position(struct window *window, off_t offset, size_t size)
{
	off_t end = offset + (off_t)size;

	switch (window->order) {
	case DETECT_FORWARD:
		if (!window->placed || end > window->position)
			window->position = end;
		break;
	case DETECT_STRIDED:
		window->position = end;
		break;
	default:
		window->position = offset;
	}
	if (window->placed)
		return;
	window->next = window->position;
	window->next_record = window->record.start;
	window->placed = true;
}

void window_advance(struct window *window, enum detect_order order, const struct detect_record *record,
	off_t offset, size_t size)
{
	lock_take(&window->lock, LOCK_WINDOW);
	if (window_turns(window, order, record))
		window_retire_all(window);
	window->order = order;
	window->record = *record;
	window->used_ns = clock_coarse_ns();
	if (!window->seat.active) {
		lock_take(&window->host->lock, LOCK_HOST);
		window_host_set_active(window->host, &window->seat, true);
		lock_drop(&window->host->lock, LOCK_HOST);
	}
	window_set_position(window, offset, size);
	window_pass(window);
	lock_drop(&window->lock, LOCK_WINDOW);
	window_fill(window);
}

void window_stop(struct window *window)
{
	lock_take(&window->lock, LOCK_WINDOW);
	window->order = DETECT_NONE;
	lock_drop(&window->lock, LOCK_WINDOW);
}

void window_shut(struct window *window)
{
	lock_take(&window->lock, LOCK_WINDOW);
	window->order = DETECT_NONE;
	window_retire_all(window);
	window_shrink(window);
	lock_drop(&window->lock, LOCK_WINDOW);
}

void window_close(struct window *window)
{
	lock_take(&window->lock, LOCK_WINDOW);
	window->closed = true;
	window->node->window_count--;
	window_retire_all(window);
	lock_drop(&window->lock, LOCK_WINDOW);
	window_put(window);
}
