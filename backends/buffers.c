#include "backends/buffers.h"
#include "cache/base/lock_order.h"
#include <stdlib.h>
#include <sys/mman.h>

enum {
	IDLE_COUNT_MAX = 16,
};

void buffers_init(struct buffers *buffers, size_t memory, struct backend_stats *stats)
{
	*buffers = (struct buffers){
		.count_max = memory / BUFFER_SIZE ? memory / BUFFER_SIZE : 1,
		.stats = stats,
	};
	pthread_mutex_init(&buffers->lock, NULL);
	atomic_store_explicit(&stats->memory_max, buffers->count_max * BUFFER_SIZE, memory_order_relaxed);
}

static void buffer_free(struct buffer *buffer)
{
	munmap(buffer->data, BUFFER_SIZE);
	free(buffer);
}

void buffers_deinit(struct buffers *buffers)
{
	while (buffers->idle) {
		struct buffer *buffer = buffers->idle;

		buffers->idle = buffer->next;
		buffer_free(buffer);
	}
	pthread_mutex_destroy(&buffers->lock);
}

static struct buffer *buffer_new(void)
{
	struct buffer *buffer = malloc(sizeof(*buffer));

	if (!buffer)
		return NULL;
	buffer->data = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer->data == MAP_FAILED) {
		free(buffer);
		return NULL;
	}
	return buffer;
}

/* The lock must be held. */
static void buffers_count(struct buffers *buffers)
{
	atomic_store_explicit(&buffers->stats->memory,
		(buffers->used_count + buffers->idle_count) * BUFFER_SIZE, memory_order_relaxed);
}

struct buffer *buffers_take(struct buffers *buffers)
{
	struct buffer *buffer = NULL;
	bool may_make;

	lock_take(&buffers->lock, LOCK_BUFFERS);
	may_make = buffers->used_count < buffers->count_max;
	if (may_make) {
		buffer = buffers->idle;
		buffers->used_count++;
	}
	if (buffer) {
		buffers->idle = buffer->next;
		buffers->idle_count--;
	}
	buffers_count(buffers);
	lock_drop(&buffers->lock, LOCK_BUFFERS);
	if (may_make && !buffer) {
		buffer = buffer_new();
		if (!buffer) {
			lock_take(&buffers->lock, LOCK_BUFFERS);
			buffers->used_count--;
			buffers_count(buffers);
			lock_drop(&buffers->lock, LOCK_BUFFERS);
		}
	}
	if (!buffer)
		backend_count(&buffers->stats->memory_refused, 1);
	return buffer;
}

void buffers_give(struct buffers *buffers, struct buffer *buffer)
{
	bool keep;

	if (!buffer)
		return;
	lock_take(&buffers->lock, LOCK_BUFFERS);
	buffers->used_count--;
	keep = buffers->idle_count < IDLE_COUNT_MAX;
	if (keep) {
		buffer->next = buffers->idle;
		buffers->idle = buffer;
		buffers->idle_count++;
	}
	buffers_count(buffers);
	lock_drop(&buffers->lock, LOCK_BUFFERS);
	if (!keep)
		buffer_free(buffer);
}
