#include "backends/behind_bound.h"
#include "cache/base/lock_order.h"

/* By then the kernel has written back what was dirty: it begins after vm.dirty_expire_centisecs, 30 s, and
 * looks every 5 s. */
#define RESTED_NS 40000000000ull

void behind_bound_init(struct behind_bound *bound, uint64_t max, struct backend_stats *stats)
{
	*bound = (struct behind_bound){.max = max, .stats = stats};
	pthread_mutex_init(&bound->lock, NULL);
}

void behind_bound_deinit(struct behind_bound *bound)
{
	pthread_mutex_destroy(&bound->lock);
}

/* The lock must be held when you call any of the functions below this line, up to the next one. */

static void bound_change(struct behind_bound *bound, uint64_t from, uint64_t to)
{
	bound->bytes += to - from;
	atomic_store_explicit(&bound->stats->write_memory, bound->bytes, memory_order_relaxed);
}

static void holder_set(struct behind_bound *bound, struct behind_holder *holder, uint64_t bytes)
{
	if (holder->bytes)
		list_remove(&bound->holders, &holder->node);
	bound_change(bound, holder->bytes, bytes);
	holder->bytes = bytes;
	if (bytes)
		list_push_last(&bound->holders, &holder->node);
}

static void forget_rested(struct behind_bound *bound, uint64_t now_ns)
{
	struct behind_holder *first = list_entry(bound->holders.first, struct behind_holder, node);

	if (first && first->used_ns + RESTED_NS < now_ns)
		holder_set(bound, first, 0);
}

/* No lock is held from here on. */

void behind_bound_begin(struct behind_bound *bound, uint64_t bytes)
{
	lock_take(&bound->lock, LOCK_BEHIND);
	bound_change(bound, 0, bytes);
	lock_drop(&bound->lock, LOCK_BEHIND);
}

void behind_bound_end(struct behind_bound *bound, uint64_t bytes)
{
	lock_take(&bound->lock, LOCK_BEHIND);
	bound_change(bound, bytes, 0);
	lock_drop(&bound->lock, LOCK_BEHIND);
}

void behind_bound_hold(
	struct behind_bound *bound, struct behind_holder *holder, uint64_t bytes, uint64_t now_ns)
{
	lock_take(&bound->lock, LOCK_BEHIND);
	holder->used_ns = now_ns;
	if (bytes || holder->bytes)
		holder_set(bound, holder, bytes);
	forget_rested(bound, now_ns);
	lock_drop(&bound->lock, LOCK_BEHIND);
}

uint64_t behind_bound_free(struct behind_bound *bound)
{
	uint64_t free;

	lock_take(&bound->lock, LOCK_BEHIND);
	free = bound->bytes < bound->max ? bound->max - bound->bytes : 0;
	lock_drop(&bound->lock, LOCK_BEHIND);
	return free;
}
