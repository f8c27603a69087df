/*
 * window_share - what other handles on the same file have read ahead. Their locks are only tried, while the
 * host's is held: a window that is busy is one that has nothing to share just now.
 */
#include "backends/backend.h"
#include "backends/window_impl.h"

/* The host's lock must be held when you call any of the functions below this line, up to the next one. */

/* The next window on the file after this one that could be locked, and now is; NULL at the end. */
static struct window *next_locked(const struct window *window, struct window *from)
{
	for (; from; from = from->host_next) {
		if (from != window && from->node == window->node && !pthread_mutex_trylock(&from->lock))
			return from;
	}
	return NULL;
}

/* The chunk that covers the offset, with its window locked; or NULL. */
static struct chunk *find_elsewhere(const struct window *window, off_t offset)
{
	struct window *other = next_locked(window, window->host->first);

	while (other) {
		struct chunk *chunk = window_find(other, offset);

		if (chunk)
			return chunk;
		pthread_mutex_unlock(&other->lock);
		other = next_locked(window, other->host_next);
	}
	return NULL;
}

/* No lock is held from here on. */

enum window_answer window_share(
	struct window *window, struct backend_request *request, off_t offset, struct chunk **found)
{
	enum window_answer answer = WINDOW_MISS;
	struct chunk *chunk;

	if (!window_has_company(window))
		return answer;
	pthread_mutex_lock(&window->host->lock);
	chunk = find_elsewhere(window, offset);
	if (chunk) {
		answer = chunk_claim(chunk, request);
		chunk->window->refs += answer == WINDOW_COPIED;
		pthread_mutex_unlock(&chunk->window->lock);
	}
	pthread_mutex_unlock(&window->host->lock);
	*found = chunk;
	return answer;
}

bool window_is_shared(struct window *window, off_t start, off_t end)
{
	struct chunk *chunk;
	bool whole = false;

	if (!window_has_company(window))
		return false;
	pthread_mutex_lock(&window->host->lock);
	chunk = find_elsewhere(window, start);
	if (chunk) {
		whole = end <= chunk->offset + (off_t)chunk->size;
		pthread_mutex_unlock(&chunk->window->lock);
	}
	pthread_mutex_unlock(&window->host->lock);
	return whole;
}
