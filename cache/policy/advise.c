#include "cache/policy/advise.h"

#include <errno.h>
#include <stdlib.h>

#include "cache/policy/charge.h"

struct state {
	uint32_t file;
	unsigned version : 6, by_rule : 1;
	uint64_t size;
};

struct advise {
	struct state *states; /* of files, as opens found them */
	uint16_t *opens;      /* numbers of states */
	uint32_t open_count, state_count, file_count;
	uint32_t warm_up; /* opens that are not counted: unlike the mount's, these caches start empty */
	unsigned shift;
	struct sample_seen seen;
};

/* --- which states belong to one file ---------------------------------------------------------- */

struct slot {
	uint64_t key; /* 0: free */
	uint32_t file;
};

static int number_files(struct advise *a, const struct advise_sample *sample)
{
	const uint32_t slot_count = 1 << 17; /* twice as many as there can be states */
	struct slot *slots = calloc(slot_count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < sample->extent.file_count; i++) {
		struct sample_file file = sample_unpack(sample->files[i]);
		uint32_t at = (file.name >> SAMPLE_SHIFT_MAX) & (slot_count - 1);

		while (slots[at].key && slots[at].key != file.name + 1)
			at = (at + 1) & (slot_count - 1);
		if (!slots[at].key)
			slots[at] = (struct slot){file.name + 1, a->file_count++};
		a->states[i] = (struct state){slots[at].file, file.version, file.by_rule, file.size};
	}
	free(slots);
	return 0;
}

static int read_opens(struct advise *a, const struct advise_sample *sample)
{
	const struct sample_extent *extent = &sample->extent;
	struct open_code *code = calloc(1, sizeof(*code));
	uint32_t count = 0;

	if (!code)
		return -ENOMEM;
	for (uint32_t i = 0; i < extent->token_count; i++) {
		/* the newest token may stand for opens that came after the extent was read */
		for (uint32_t n = open_code_count(sample->tokens[i]); n && count < extent->open_count; n--) {
			uint16_t number = open_code_next(code, sample->tokens[i]);

			if (number >= extent->file_count)
				break;
			a->opens[count++] = number;
		}
	}
	free(code);
	return count == extent->open_count ? 0 : -EINVAL;
}

static int copy(struct advise *a, const struct advise_sample *sample)
{
	const struct sample_extent *extent = &sample->extent;
	int r;

	a->states = calloc(extent->file_count + 1, sizeof(*a->states));
	a->opens = calloc((size_t)extent->open_count + 1, sizeof(*a->opens));
	if (!a->states || !a->opens)
		return -ENOMEM;
	a->open_count = extent->open_count;
	a->state_count = extent->file_count;
	a->warm_up = extent->is_cut ? extent->open_count / 2 : 0;
	a->shift = extent->shift;
	a->seen = extent->seen;
	r = read_opens(a, sample);
	return r < 0 ? r : number_files(a, sample);
}

int advise_new(struct advise **ret, const struct advise_sample *sample)
{
	int r;

	*ret = NULL;
	if (sample->extent.file_count > SAMPLE_FILES || sample->extent.shift > SAMPLE_SHIFT_MAX)
		return -EINVAL;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	r = copy(*ret, sample);
	if (r < 0) {
		advise_free(*ret);
		*ret = NULL;
	}
	return r;
}

void advise_free(struct advise *a)
{
	if (!a)
		return;
	free(a->states);
	free(a->opens);
	free(a);
}

uint32_t advise_file_count(const struct advise *a)
{
	return a->file_count;
}

uint64_t advise_largest(uint64_t budget)
{
	/* as cache_new(), so that a file of exactly that part of the budget fits */
	return budget / EVICT_LARGEST_PART + CHARGE_METADATA + 2 * CHARGE_PAGE;
}

static uint64_t cost_of(const struct advise_cache *cache, uint64_t size)
{
	return cache->charges_file_only ? size : charge_of(size);
}

static bool may_enter(const struct advise_cache *cache, const struct state *state)
{
	return (state->size <= cache->small_max || state->by_rule) &&
	       cost_of(cache, state->size) <= cache->largest;
}

uint64_t advise_cached_files(const struct advise *a, const struct advise_cache *cache)
{
	uint64_t count = 0, charges = 0;

	for (uint32_t i = 0; i < a->state_count; i++) {
		if (!may_enter(cache, &a->states[i]))
			continue;
		count++;
		charges += cost_of(cache, a->states[i].size);
	}
	return charges > cache->budget >> a->shift ? (cache->budget >> a->shift) / (charges / count) : count;
}

/* --- a small cache ---------------------------------------------------------------------------- */

struct file {
	struct evict_entry entry; /* its first member */
	unsigned version;
};

struct run {
	const struct advise_cache *cache;
	struct evict *evict;
	struct file *files;
	bool is_eager;
	uint64_t hits, hit_bytes, opens, bytes;
};

static bool take(void *ctx, struct evict_entry *entry)
{
	(void)ctx;
	(void)entry;
	return true;
}

static bool shed(struct run *r, uint64_t incoming)
{
	while (evict_must_shed(r->evict, incoming))
		if (!evict_pick(r->evict))
			return false;
	return true;
}

static int miss(struct run *r, struct file *file, const struct state *open)
{
	struct evict_entry *entry = &file->entry;
	uint64_t charge = cost_of(r->cache, open->size);

	if (!may_enter(r->cache, open))
		return 0;
	entry->size = open->size;
	entry->charge = charge;
	if (evict_ask(r->evict, entry->id, charge) != EVICT_ADMIT || !shed(r, charge))
		return 0;
	return evict_insert(r->evict, entry);
}

static void hit(struct run *r, struct file *file, const struct state *open)
{
	r->hits++;
	r->hit_bytes += open->size;
	if (r->is_eager)
		evict_touch(r->evict, &file->entry);
	else
		evict_hit(&file->entry);
	if (open->size != file->entry.size) {
		evict_resize(r->evict, &file->entry, open->size, cost_of(r->cache, open->size));
		shed(r, 0);
	}
}

static int run_open(struct run *r, const struct state *open)
{
	struct file *file = &r->files[open->file];

	if (file->version != open->version) {
		evict_remove(r->evict, &file->entry);
		file->entry.id = sample_hash(file->entry.id + 1);
		file->version = open->version;
	}
	r->opens++;
	r->bytes += open->size;
	if (file->entry.where == EVICT_OUT)
		return miss(r, file, open);
	hit(r, file, open);
	return 0;
}

static int run_opens(struct run *r, const struct advise *a)
{
	int error = 0;

	for (uint32_t i = 0; i < a->open_count && !error; i++) {
		if (i == a->warm_up)
			r->hits = r->hit_bytes = r->opens = r->bytes = 0;
		error = run_open(r, &a->states[a->opens[i]]);
	}
	return error;
}

static int prepare(struct run *r, const struct advise *a)
{
	const struct evict_options options = {
		.policy = r->cache->policy,
		.budget = r->cache->budget >> a->shift,
		.admit = r->cache->admit,
		.largest_part = 1,
		.memory_is_free = r->cache->charges_file_only,
	};
	const struct evict_host host = {.take = take};

	r->evict = evict_new(&options, &host);
	r->files = calloc(a->file_count + 1, sizeof(*r->files));
	if (!r->evict || !r->files)
		return -ENOMEM;
	r->is_eager = evict_is_eager(r->evict);
	for (uint32_t i = 0; i < a->file_count; i++)
		r->files[i].entry.id = sample_hash(i + 1);
	return 0;
}

/*
 * Few files have most of the opens. If chance put more than their share of these files into the sample, it
 * has more than its share of the opens, too. The difference, of either sign, is attributed to files that are
 * always hit (SHARDS-adj).
 */
static double ratio(uint64_t hits, uint64_t all, double expected)
{
	double hits_expected = (double)hits + expected - (double)all;

	if (expected <= 0 || hits_expected <= 0)
		return 0;
	return hits_expected / expected;
}

static void sum_up(const struct run *r, const struct advise *a, struct advise_result *result)
{
	double part = a->open_count ? (double)r->opens / a->open_count / (double)(1ULL << a->shift) : 0;

	result->hit_ratio = ratio(r->hits, r->opens, (double)a->seen.opens * part);
	result->byte_hit_ratio = ratio(r->hit_bytes, r->bytes, (double)a->seen.bytes * part);
}

int advise_simulate(const struct advise *a, const struct advise_cache *cache, struct advise_result *result)
{
	struct run r = {.cache = cache};
	int error = prepare(&r, a);

	if (!error)
		error = run_opens(&r, a);
	if (!error)
		sum_up(&r, a, result);
	evict_free(r.evict);
	free(r.files);
	return error;
}
