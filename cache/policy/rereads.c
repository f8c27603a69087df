#include "cache/policy/rereads.h"

void rereads_init(struct rereads *rereads, uint64_t limit)
{
	*rereads = (struct rereads){.limit = limit};
	ghost_init(&rereads->whole);
	ghost_set_capacity(&rereads->whole, REREADS_HORIZON);
}

void rereads_deinit(struct rereads *rereads)
{
	ghost_deinit(&rereads->whole);
}

void rereads_whole(struct rereads *rereads, uint64_t id)
{
	ghost_put(&rereads->whole, id, 1, false);
}

static struct reread *first(const struct rereads *rereads)
{
	return list_entry(rereads->stay.first, struct reread, node);
}

void rereads_leave(struct rereads *rereads, struct reread *reread)
{
	if (!reread->size)
		return;
	list_remove(&rereads->stay, &reread->node);
	rereads->used -= reread->size;
	reread->size = 0;
}

/* A new file costs the next one a credit. Returns the next one if it had none left and had to leave. */
static struct reread *charge(struct rereads *rereads)
{
	struct reread *next = first(rereads);

	if (!next)
		return NULL;
	if (!next->credit) {
		rereads_leave(rereads, next);
		return next;
	}
	next->credit--;
	list_remove(&rereads->stay, &next->node);
	list_push_last(&rereads->stay, &next->node);
	return NULL;
}

bool rereads_opened(
	struct rereads *rereads, struct reread *reread, uint64_t id, uint64_t size, struct reread **leaver)
{
	*leaver = NULL;
	if (reread->size) {
		reread->credit = REREADS_CREDIT;
		return true;
	}
	if (!size || size > rereads->limit || !ghost_find(&rereads->whole, id).freq)
		return false;
	if (rereads->used + size > rereads->limit)
		*leaver = charge(rereads);
	if (rereads->used + size > rereads->limit)
		return false;
	reread->size = size;
	reread->credit = REREADS_CREDIT;
	rereads->used += size;
	list_push_last(&rereads->stay, &reread->node);
	return true;
}

struct reread *rereads_limit(struct rereads *rereads, uint64_t limit)
{
	struct reread *leaver;

	rereads->limit = limit;
	if (rereads->used <= limit)
		return NULL;
	leaver = first(rereads);
	rereads_leave(rereads, leaver);
	return leaver;
}
