#include "backends/window_plan.h"
#include "backends/resident.h"
#include "backends/window_share.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include <stdlib.h>

enum {
	PAGE = 4096,
	CHUNK_SIZE_MIN = 128 << 10,
	WINDOW_MIN = 1 << 20,
	RECLAIM_NS = 100000000, /* between looks for idle readers */
	REST_NS = 1000000000,
};

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

void window_grow(struct window *window)
{
	size_t max = window_host_share(window->host);

	window->bytes = 2 * window->bytes < max ? 2 * window->bytes : max;
}

void window_shrink(struct window *window)
{
	if (window->bytes / 2 >= WINDOW_MIN)
		window->bytes /= 2;
}

/* Small while the window is small, so that the first chunk arrives soon; at most as large as a buffer. */
static size_t window_chunk_size(const struct window *window)
{
	unsigned depth = window->host->depth;
	size_t wanted = window->bytes / (depth ? depth : 1), size = CHUNK_SIZE_MIN;

	while (2 * size <= wanted && 2 * size <= BUFFER_SIZE)
		size *= 2;
	return size;
}

void window_pass(struct window *window)
{
	off_t record_end = window->record.start + (off_t)window->record.size;

	for (int i = 0; i < CHUNK_COUNT; i++) {
		struct chunk *chunk = &window->chunks[i];
		off_t end = chunk->offset + (off_t)chunk->size;
		bool passed;

		if (chunk->state == CHUNK_FREE || chunk->doomed)
			continue;
		if (window->order == DETECT_BACKWARD)
			passed = chunk->offset >= window->position + 2 * BUFFER_SIZE;
		else if (window->order == DETECT_STRIDED && window->record.stride < 0)
			passed = chunk->offset >= record_end + 2 * BUFFER_SIZE;
		else
			passed = end + 2 * BUFFER_SIZE <= window->position;
		if (passed) {
			if (!chunk->spent)
				window_shrink(window);
			chunk_retire(chunk);
		}
	}
}

/* Bytes of records between the reader and the position to be read ahead next; count records lie between. */
static int64_t window_records_ahead(const struct window *window, int64_t count)
{
	return count * (int64_t)window->record.size + (window->next - window->next_record) -
	       (window->position - window->record.start);
}

/* The next range for a reader of records: the rest of its record, then whole records at its distance. */
static bool window_next_in_records(struct window *window, uint64_t file_size, off_t *start, off_t *end)
{
	const struct detect_record *record = &window->record;
	off_t align = window->align, record_end;
	int64_t count = record->stride ? (window->next_record - record->start) / record->stride : 0;

	if (count < 0 || window_records_ahead(window, count) < 0) {
		count = 0;
		window->next_record = record->start;
		window->next = window->position;
	}
	if (record->stride && window->next >= window->next_record + (off_t)record->size) {
		count++;
		window->next_record += record->stride;
		window->next = window->next_record;
	}
	record_end = window->next_record + (off_t)record->size;
	*start = window->next & ~(align - 1);
	*end = (record_end + align - 1) & ~(align - 1);
	if (*end - *start > BUFFER_SIZE)
		*end = *start + BUFFER_SIZE;
	return window->next_record >= 0 && window->next < record_end && *start < (off_t)file_size &&
	       count < window->host->depth && window_records_ahead(window, count) < (int64_t)window->bytes;
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
		return window_next_in_records(window, file_size, start, end);
	case DETECT_NONE:
		break;
	}
	return false;
}

static void window_step_over(struct window *window, off_t start, off_t end)
{
	window->next = window->order == DETECT_BACKWARD ? start : end;
}

/* How much of the range the reader will ask for, if it goes on like this. */
static size_t window_wanted(const struct window *window, off_t start, off_t end)
{
	off_t record_end = window->next_record + (off_t)window->record.size;

	if (window->order == DETECT_STRIDED) {
		start = window->next;
		end = end < record_end ? end : record_end;
	}
	return end - start;
}

static bool chunk_prepare(struct chunk *chunk, const struct stamp *stamp, off_t start, off_t end)
{
	struct window *window = chunk->window;

	chunk->buffer = buffers_take(window->host->buffers);
	if (!chunk->buffer)
		return false;
	chunk->state = CHUNK_FLYING;
	chunk->offset = start;
	chunk->size = end - start;
	chunk->wanted = window_wanted(window, start, end);
	chunk->used = 0;
	chunk->stamp = *stamp;
	chunk->read_ns = clock_coarse_ns();
	chunk->generation = node_generation(window->node);
	chunk->op = (struct engine_op){
		.verb = ENGINE_READ,
		.fd = window->fd,
		.buf = chunk->buffer->data,
		.size = chunk->size,
		.offset = chunk->offset,
	};
	window->flying++;
	window->refs++;
	return true;
}

static bool window_is_resident(const struct window *window, off_t start, off_t end)
{
	return resident_pages(window->fd, start, end - start) >= (uint64_t)(end - start) / PAGE;
}

static bool window_has_room(struct window *window)
{
	return (size_t)window_buffer_count(window) * BUFFER_SIZE <
	       window_host_share(window->host) + BUFFER_SIZE;
}

/* Frees chunks that are only kept for other readers. */
static void window_retire_spent(struct window *window)
{
	for (int i = 0; i < CHUNK_COUNT; i++) {
		if (window->chunks[i].spent)
			chunk_retire(&window->chunks[i]);
	}
}

/*
 * Whether the bytes are in memory already: in this window, in another one on the file, or in the page cache.
 */
static bool window_need_not_read(struct window *window, off_t start, off_t end)
{
	return window_find(window, start) || window_is_shared(window, start, end) ||
	       window_is_resident(window, start, end);
}

/* A chunk to be read, or NULL if memory is short. */
static struct chunk *window_start_chunk(
	struct window *window, const struct stamp *stamp, off_t start, off_t end)
{
	struct chunk *chunk;

	if (!window_has_room(window))
		window_retire_spent(window);
	chunk = window_free_slot(window);
	return chunk && window_has_room(window) && chunk_prepare(chunk, stamp, start, end) ? chunk : NULL;
}

/*
 * Takes the memory of idle readers, since this window needs it. Only tries their locks, so no deadlock.
 */
static void window_reclaim(struct window *window)
{
	struct window_host *host = window->host;
	uint64_t now = clock_coarse_ns();
	struct list_node *seat;

	lock_take(&host->lock, LOCK_HOST);
	if (now - host->reclaimed_ns >= RECLAIM_NS) {
		host->reclaimed_ns = now;
		for (seat = host->windows.first; seat; seat = seat->next) {
			struct window *other = window_of_seat(seat);

			if (other == window || !other->seat.active ||
				!lock_take_if_free(&other->lock, LOCK_WINDOW))
				continue;
			if (now - other->used_ns >= REST_NS) {
				window_retire_all(other);
				window_host_set_active(host, &other->seat, false);
			}
			lock_drop(&other->lock, LOCK_WINDOW);
		}
	}
	lock_drop(&host->lock, LOCK_HOST);
}

struct engine_op *window_plan(struct window *window)
{
	struct engine_op *first = NULL, **tail = &first;
	struct stamp stamp;
	off_t start, end;

	if (window->closed || window->order == DETECT_NONE)
		return NULL;
	if (stamp_take(window->fd, &stamp) < 0 ||
		!stamp_is_trusted(window->fd, &stamp, clock_wall_coarse_ns()))
		return NULL;
	while (window->flying < window->host->depth && window_next_range(window, stamp.size, &start, &end)) {
		if (!window_need_not_read(window, start, end)) {
			struct chunk *chunk = window_start_chunk(window, &stamp, start, end);

			if (!chunk) {
				window_reclaim(window);
				break;
			}
			*tail = &chunk->op;
			tail = &chunk->op.next;
		}
		window_step_over(window, start, end);
	}
	return first;
}
