#include "backends/window_chunk.h"
#include "backends/backend_request.h"

static void chunk_free(struct chunk *chunk)
{
	struct backend_stats *stats = chunk->window->host->stats;

	backend_count(&stats->readahead_used_bytes, chunk->used < chunk->size ? chunk->used : chunk->size);
	if (chunk->used < chunk->size)
		backend_count(&stats->readahead_wasted_bytes, chunk->size - chunk->used);
	buffers_give(chunk->window->host->buffers, chunk->buffer);
	chunk->buffer = NULL;
	chunk->state = CHUNK_FREE;
	chunk->spent = false;
	chunk->doomed = false;
}

void chunk_retire(struct chunk *chunk)
{
	if (chunk->state == CHUNK_FREE)
		return;
	if (chunk->state == CHUNK_FLYING || chunk->pins)
		chunk->doomed = true;
	else
		chunk_free(chunk);
}

void window_retire_all(struct window *window)
{
	for (int i = 0; i < CHUNK_COUNT; i++)
		chunk_retire(&window->chunks[i]);
	window->placed = false;
}

struct chunk *window_find(struct window *window, off_t offset)
{
	for (int i = 0; i < CHUNK_COUNT; i++) {
		struct chunk *chunk = &window->chunks[i];

		if (chunk->state != CHUNK_FREE && !chunk->doomed && offset >= chunk->offset &&
			offset < chunk->offset + (off_t)chunk->size)
			return chunk;
	}
	return NULL;
}

enum chunk_answer chunk_claim(struct chunk *chunk, struct backend_request *request)
{
	if (chunk->state != CHUNK_FLYING) {
		chunk->pins++;
		return CHUNK_PINNED;
	}
	request->work.next = chunk->waiters;
	chunk->waiters = request;
	return CHUNK_AWAITED;
}
