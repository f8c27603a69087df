#include "backends/window_share.h"
#include "cache/base/lock_order.h"

/* The host's lock must be held when you call any of the functions below this line, up to the next one. */

/* The next window on the file, from this node of the host's list on, whose lock was free; it is locked now.
 * NULL at the end. */
static struct window *next_locked(const struct window *window, struct list_node *from)
{
	for (; from; from = from->next) {
		struct window *other = window_of_seat(from);

		if (other != window && other->node == window->node &&
			lock_take_if_free(&other->lock, LOCK_WINDOW))
			return other;
	}
	return NULL;
}

/* The chunk that covers the offset, with its window locked; or NULL. */
static struct chunk *find_elsewhere(const struct window *window, off_t offset)
{
	struct window *other = next_locked(window, window->host->windows.first);

	while (other) {
		struct chunk *chunk = window_find(other, offset);

		if (chunk)
			return chunk;
		lock_drop(&other->lock, LOCK_WINDOW);
		other = next_locked(window, other->seat.node.next);
	}
	return NULL;
}

/* No lock is held from here on. */

enum chunk_answer window_share(
	struct window *window, struct backend_request *request, off_t offset, struct chunk **found)
{
	enum chunk_answer answer = CHUNK_NONE;
	struct chunk *chunk;

	if (!window_has_company(window))
		return answer;
	lock_take(&window->host->lock, LOCK_HOST);
	chunk = find_elsewhere(window, offset);
	if (chunk) {
		answer = chunk_claim(chunk, request);
		chunk->window->refs += answer == CHUNK_PINNED;
		lock_drop(&chunk->window->lock, LOCK_WINDOW);
	}
	lock_drop(&window->host->lock, LOCK_HOST);
	*found = chunk;
	return answer;
}

bool window_is_shared(struct window *window, off_t start, off_t end)
{
	struct chunk *chunk;
	bool whole = false;

	if (!window_has_company(window))
		return false;
	lock_take(&window->host->lock, LOCK_HOST);
	chunk = find_elsewhere(window, start);
	if (chunk) {
		whole = end <= chunk->offset + (off_t)chunk->size;
		lock_drop(&chunk->window->lock, LOCK_WINDOW);
	}
	lock_drop(&window->host->lock, LOCK_HOST);
	return whole;
}
