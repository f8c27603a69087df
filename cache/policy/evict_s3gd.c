/*
 * evict_s3gd - a small queue for new files, and a main part, which evicts the file with the fewest uses per
 * byte, aged as in GreedyDual.
 *
 * Sources: the small queue, the ghost list and the lazy promotion are S3-FIFO's (Yang et al., SOSP 2023); the
 * weight is that of Greedy-Dual-Size-Frequency (Cherkasova 1998); queues by rounded weight instead of a heap
 * are CAMP's (Ghandeharizadeh et al., Middleware 2014). A use sets one bit; order changes at insertions and
 * evictions only.
 *
 * 	weight = freq * (1 / charge + 1 / s0)   s0 smaller favours byte hits, larger favours file hits
 * 	k      = floor(2 * log2(weight))        the queue in the main part
 * 	H      = L + 2^(k/2)                    grows along a queue, so only the heads are compared
 * 	L      = H of the last that left the main part, of those that were used at least twice
 *
 * Three things are this project's own; docs/policies.md says what each brings. A new file that leaves the
 * small queue unused is not evicted but enters the main part with its weight times trust: the share of such
 * files that were used later, learnt from those that were evicted. During a scan trust falls towards 0, and
 * new files are evicted first; where most files come back they compete almost as equals. The eviction of a
 * file that was never used again does not move L, so that a scan does not age the other files. And a file
 * that was evicted and comes back enters the main part with its weight times return_trust, learnt from
 * whether such files were used again before their next eviction. Where each file is used once an epoch, the
 * files that come back would otherwise evict those that are still to be used in the epoch.
 */
#include "cache/policy/evict_policies.h"

#include <float.h>
#include <string.h>

enum { SMALL_PERMILLE = 50, QUEUE_COUNT = 64, LOG_OFFSET = 54, FREQ_MAX = 15, S0 = 512 << 10 };
enum { TRUST_WINDOW = 64, RETURN_WINDOW = 16, OVERFLOW_MAX = 64 };

static const double trust_max = 0.25, trust_min = 1.0 / 8192;
static const double return_trust_min = 0.25;

struct s3gd {
	struct evict_queue small;
	struct evict_queue queues[QUEUE_COUNT];
	struct match {
		double rank; /* the lesser H of the two below; DBL_MAX: their queues are empty */
		unsigned queue;
	} matches[2 * QUEUE_COUNT]; /* a tree: 1 is the winner of all, QUEUE_COUNT + k is queue k's head */
	double step[QUEUE_COUNT];   /* 2^(k/2) */
	uint64_t main_charged;
	double floor; /* L */
	double s0_density;
	double trust;        /* expected uses of a new file that was not used in the small queue */
	double return_trust; /* part of its weight with which an evicted file comes back */
};

static struct s3gd *s3gd_of(const struct evict *e)
{
	return e->state;
}

/* To be called when queue k has another oldest entry: replays the matches above it, up to the first one whose
 * winner stays the same. */
static void set_head(struct s3gd *s, unsigned k)
{
	const struct evict_entry *head = evict_queue_oldest(&s->queues[k]);
	struct match winner = {head ? head->rank : DBL_MAX, k};

	for (unsigned node = QUEUE_COUNT + k; node > 0; node /= 2) {
		const struct match *other = &s->matches[node ^ 1];

		s->matches[node] = winner;
		if (other->rank >= winner.rank)
			continue;
		if (s->matches[node / 2].queue == other->queue)
			return;
		winner = *other;
	}
}

static int s3gd_init(struct evict *e)
{
	struct s3gd *s = s3gd_of(e);
	double step = 1;

	for (int k = LOG_OFFSET; k >= 0; k -= 2, step /= 2)
		s->step[k] = step;
	for (int k = LOG_OFFSET + 2; k < QUEUE_COUNT; k += 2)
		s->step[k] = 2 * s->step[k - 2];
	for (int k = 1; k < QUEUE_COUNT; k += 2)
		s->step[k] = s->step[k - 1] * 1.4142135623730951;
	for (unsigned node = 0; node < 2 * QUEUE_COUNT; node++)
		s->matches[node] = (struct match){DBL_MAX, 0};
	s->s0_density = 1.0 / (e->options.s0 ? e->options.s0 : S0);
	s->trust = trust_max;
	s->return_trust = return_trust_min;
	return 0;
}

/* A new file was evicted without a use, or one that had left the small queue unused was used after all. */
static void learn(struct s3gd *s, bool was_used)
{
	s->trust += was_used ? 1.0 / TRUST_WINDOW : -s->trust / TRUST_WINDOW;
	if (s->trust > trust_max)
		s->trust = trust_max;
	if (s->trust < trust_min)
		s->trust = trust_min;
}

/* A file that had come back was used again, or is evicted again without a use. */
static void learn_of_returned(struct s3gd *s, bool was_used)
{
	double less = s->return_trust - s->return_trust / RETURN_WINDOW;

	s->return_trust = was_used ? 1 : less < return_trust_min ? return_trust_min : less;
}

/* floor(2 * log2(weight)) + LOG_OFFSET, from the bits of the number. */
static unsigned queue_number(double weight)
{
	const uint64_t mantissa_of_sqrt2 = 0x6a09e667f3bcdULL;
	uint64_t bits;
	int k;

	memcpy(&bits, &weight, sizeof(bits));
	k = 2 * ((int)(bits >> 52) - 1023) + ((bits & 0xfffffffffffffULL) >= mantissa_of_sqrt2) + LOG_OFFSET;
	return k < 0 ? 0 : k >= QUEUE_COUNT ? QUEUE_COUNT - 1 : (unsigned)k;
}

/* share: part of the weight that counts. */
static void push_main(struct evict *e, struct evict_entry *entry, double share)
{
	struct s3gd *s = s3gd_of(e);
	double charge = entry->charge ? (double)entry->charge : 1;

	if (entry->freq > FREQ_MAX)
		entry->freq = FREQ_MAX;
	entry->slot = queue_number(evict_weighed(entry, share * entry->freq * (1 / charge + s->s0_density)));
	entry->rank = s->floor + s->step[entry->slot];
	entry->where = EVICT_MAIN;
	evict_queue_push(&s->queues[entry->slot], entry);
	s->main_charged += entry->charge;
	if (!entry->node.prev)
		set_head(s, entry->slot);
}

static void unlink_main(struct s3gd *s, struct evict_entry *entry)
{
	bool was_head = !entry->node.prev;

	evict_queue_unlink(&s->queues[entry->slot], entry);
	s->main_charged -= entry->charge;
	if (was_head)
		set_head(s, entry->slot);
}

static uint64_t small_share(const struct evict *e)
{
	unsigned permille = e->options.small_permille ? e->options.small_permille : SMALL_PERMILLE;

	return e->options.budget / 1000 * permille;
}

static void s3gd_remove(struct evict *e, struct evict_entry *entry)
{
	if (entry->where == EVICT_SMALL)
		evict_queue_unlink(&s3gd_of(e)->small, entry);
	else
		unlink_main(s3gd_of(e), entry);
}

/* Moves what exceeds the small queue to the main part: with full weight if it was used, else times trust. */
static void overflow_small(struct evict *e)
{
	struct s3gd *s = s3gd_of(e);
	struct evict_entry *entry;

	for (int i = 0; i < OVERFLOW_MAX && s->small.charged > small_share(e); i++) {
		entry = evict_queue_oldest(&s->small);
		if (!entry)
			return;
		evict_queue_unlink(&s->small, entry);
		push_main(e, entry, evict_absorb(e, entry) ? 1 : s->trust);
	}
}

static int s3gd_insert(struct evict *e, struct evict_entry *entry, struct ghost_memory remembered)
{
	struct s3gd *s = s3gd_of(e);

	entry->returned = remembered.was_cached;
	if (remembered.was_cached) {
		if (remembered.freq == 1)
			learn(s, true);
		/* Half of its uses: otherwise a loop over more files than fit would never let one stay. */
		entry->freq = remembered.freq / 2 + 1;
		push_main(e, entry, s->return_trust);
		return 0;
	}
	entry->where = EVICT_SMALL;
	evict_queue_push(&s->small, entry);
	overflow_small(e);
	return 0;
}

/* The open that brought the file back may be the one that held it until now, which is no further use. */
static int s3gd_unpark(struct evict *e, struct evict_entry *entry, bool used)
{
	struct s3gd *s = s3gd_of(e);

	if (entry->returned && used)
		learn_of_returned(s, true);
	if (used)
		entry->returned = false;
	push_main(e, entry, entry->returned ? s->return_trust : 1);
	return 0;
}

/* In the main part the entry keeps its queue until it is next judged. */
static void s3gd_resize(struct evict *e, struct evict_entry *entry, uint64_t size, uint64_t charge)
{
	struct s3gd *s = s3gd_of(e);

	if (entry->where == EVICT_SMALL) {
		s->small.charged += charge - entry->charge;
	} else {
		s->queues[entry->slot].charged += charge - entry->charge;
		s->main_charged += charge - entry->charge;
	}
}

static struct evict_entry *least_of_main(const struct s3gd *s)
{
	return evict_queue_oldest(&s->queues[s->matches[1].queue]);
}

static struct evict_entry *next_judged(const struct evict *e)
{
	const struct s3gd *s = s3gd_of(e);
	struct evict_entry *least = least_of_main(s);
	struct evict_entry *small = evict_queue_oldest(&s->small);

	return small && (s->small.charged > small_share(e) || !least) ? small : least;
}

static void second_chance(struct evict *e, struct evict_entry *entry, bool was_main)
{
	struct s3gd *s = s3gd_of(e);

	if (entry->returned)
		learn_of_returned(s, true);
	else if (was_main && entry->freq == 2)
		learn(s, true);
	entry->returned = false;
	push_main(e, entry, 1);
}

/* L follows files that were used at least twice; the others adjust trust. */
static void note_departure(struct s3gd *s, const struct evict_entry *entry, bool was_main)
{
	if (entry->returned)
		learn_of_returned(s, false);
	if (entry->freq == 1)
		learn(s, false);
	else if (was_main && entry->rank > s->floor)
		s->floor = entry->rank;
}

/* Prefetches what the next eviction needs: the victim's bucket of the ghost list, and its neighbour. */
static void fetch_next(struct evict *e)
{
	const struct evict_entry *next = least_of_main(s3gd_of(e));

	if (!next)
		return;
	evict_prefetch(e, next->id);
	__builtin_prefetch(evict_newer(next), 1);
}

static struct evict_entry *s3gd_pick(struct evict *e)
{
	struct s3gd *s = s3gd_of(e);
	struct evict_entry *entry;

	while ((entry = next_judged(e))) {
		enum evict_verdict verdict = evict_judge(e, entry);
		bool was_main = entry->where == EVICT_MAIN;

		if (verdict == EVICT_ENOUGH)
			return NULL;
		s3gd_remove(e, entry);
		if (verdict == EVICT_TAKEN) {
			note_departure(s, entry, was_main);
			fetch_next(e);
			return entry;
		}
		if (verdict == EVICT_USED)
			second_chance(e, entry, was_main);
		else
			evict_park(e, entry);
	}
	return NULL;
}

static const char *check_queue(const struct s3gd *s, unsigned k, uint64_t *count, uint64_t *charged)
{
	const struct evict_queue *q = &s->queues[k];
	const struct evict_entry *oldest = evict_queue_oldest(q), *entry, *newer;

	if ((oldest ? oldest->rank : DBL_MAX) != s->matches[QUEUE_COUNT + k].rank)
		return "s3gd's noted rank of a queue's head is not the head's";
	if (oldest && oldest->rank < s->matches[1].rank)
		return "s3gd's tree of matches does not name the queue with the least rank";
	list_for_each (entry, &q->entries, node) {
		newer = evict_newer(entry);
		if (entry->slot != k)
			return "an entry is in another of s3gd's queues than it says";
		if (newer && newer->rank < entry->rank)
			return "the rank falls along one of s3gd's queues";
	}
	return evict_queue_check(q, EVICT_MAIN, count, charged);
}

static const char *s3gd_check(const struct evict *e, uint64_t *count, uint64_t *charged)
{
	const struct s3gd *s = s3gd_of(e);
	const struct evict_entry *entry;
	uint64_t before = *charged;
	const char *wrong = NULL;

	list_for_each (entry, &s->small.entries, node)
		if (entry->returned)
			return "a file that came back is in s3gd's small queue";
	for (unsigned k = 0; k < QUEUE_COUNT && !wrong; k++)
		wrong = check_queue(s, k, count, charged);
	if (!wrong && *charged - before != s->main_charged)
		wrong = "s3gd's sum of the main part is wrong";
	return wrong ? wrong : evict_queue_check(&s->small, EVICT_SMALL, count, charged);
}

const struct evict_policy evict_s3gd = {
	.name = "s3gd",
	.state_bytes = sizeof(struct s3gd),
	.keeps_ghost = true,
	.init = s3gd_init,
	.insert = s3gd_insert,
	.remove = s3gd_remove,
	.unpark = s3gd_unpark,
	.resize = s3gd_resize,
	.pick = s3gd_pick,
	.check = s3gd_check,
};
