#include "tools/replay/replay.h"
#include "cache/base/clock.h"
#include "cache/policy/charge.h"

#include "tools/replay/progress.h"
#include "tools/replay/random.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STRETCH = 1 << 20, AHEAD = 16, LARGE_PAGE = 2 << 20 };

/* One cache line per file. */
struct file {
	struct evict_entry entry;
	bool used; /* the reference bit */
};

struct replay {
	const struct trace *trace;
	const struct replay_options *options;
	struct evict *evict;
	struct file *files;
	uint64_t next_change;
	bool is_eager;
	struct replay_result *result;
};

static bool file_used(void *ctx, struct evict_entry *entry)
{
	struct file *file = (struct file *)entry; /* its first member */
	bool used = file->used;

	file->used = false;
	return used;
}

static bool file_take(void *ctx, struct evict_entry *entry)
{
	return true;
}

static uint64_t cost_of(const struct replay *r, uint64_t size)
{
	return r->options->charge == REPLAY_BYTES ? size : charge_of(size);
}

static int shed(struct replay *r, uint64_t incoming)
{
	while (evict_must_shed(r->evict, incoming))
		if (!evict_pick(r->evict))
			return -ENOSPC;
	return 0;
}

static int miss(struct replay *r, struct file *file)
{
	int error;

	if (evict_ask(r->evict, file->entry.id, file->entry.charge) != EVICT_ADMIT)
		return 0;
	if (shed(r, file->entry.charge) < 0)
		return 0;
	file->used = false;
	r->result->fill_count++;
	error = evict_insert(r->evict, &file->entry);
	return error;
}

static inline void hit(struct replay *r, struct file *file)
{
	r->result->hit_count++;
	r->result->byte_hits += file->entry.size;
	if (r->options->evict.bit_only)
		file->used = true;
	else if (r->is_eager)
		evict_touch(r->evict, &file->entry);
	else
		evict_hit(&file->entry);
}

/* A mount can't do this, since it does not know the next open. Without it, the time would be that of cache
 * misses of the CPU. */
static inline void fetch_ahead(const struct replay *r, const uint32_t *open)
{
	const struct file *near = &r->files[open[AHEAD / 2]];

	__builtin_prefetch(&r->files[open[AHEAD]], 1);
	if (near->entry.where == EVICT_OUT)
		evict_prefetch(r->evict, near->entry.id);
}

static int run_opens(struct replay *r, uint64_t begin, uint64_t end)
{
	const uint32_t *opens = r->trace->opens;
	uint64_t ahead_end = r->trace->open_count > AHEAD ? r->trace->open_count - AHEAD : 0;

	for (uint64_t i = begin; i < end; i++) {
		struct file *file = &r->files[opens[i]];

		if (i < ahead_end)
			fetch_ahead(r, &opens[i]);
		r->result->byte_total += file->entry.size;
		if (file->entry.where != EVICT_OUT)
			hit(r, file);
		else if (miss(r, file) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void apply(struct replay *r, const struct trace_change *change)
{
	struct file *file = &r->files[change->file];

	if (change->is_stale) {
		evict_remove(r->evict, &file->entry);
		file->entry.id = random_mix(file->entry.id + 1); /* the new version */
		return;
	}
	evict_resize(r->evict, &file->entry, change->size, cost_of(r, change->size));
	shed(r, 0);
}

static int run_stretch(struct replay *r, uint64_t begin, uint64_t end)
{
	const struct trace *t = r->trace;
	int error = 0;

	while (begin < end && !error) {
		uint64_t until = end;

		while (r->next_change < t->change_count && t->changes[r->next_change].position == begin)
			apply(r, &t->changes[r->next_change++]);
		if (r->next_change < t->change_count && t->changes[r->next_change].position < end)
			until = t->changes[r->next_change].position;
		error = run_opens(r, begin, until);
		begin = until;
	}
	return error;
}

static int run(struct replay *r)
{
	uint64_t count = r->trace->open_count;
	struct progress progress;
	int64_t start_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID);
	int error = 0;

	progress_start(&progress, "%s, %s, %" PRIu64 " bytes", r->trace->path,
		evict_policy_name(r->options->evict.policy), r->options->evict.budget);
	for (uint64_t i = 0; i < count && !error; i += STRETCH) {
		error = run_stretch(r, i, count - i < STRETCH ? count : i + STRETCH);
		progress_tell(&progress, "%" PRIu64 " of %" PRIu64 " M opens", i / 1000000, count / 1000000);
	}
	r->result->elapsed_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - start_ns;
	progress_end(&progress);
	return error;
}

/* In large pages: with small ones a long trace would measure TLB misses. */
static struct file *allocate_files(uint32_t count)
{
	size_t bytes = (count * sizeof(struct file) + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
	struct file *files = aligned_alloc(LARGE_PAGE, bytes);

	if (files)
		madvise(files, bytes, MADV_HUGEPAGE);
	return files;
}

static int prepare(struct replay *r)
{
	const struct evict_host host = {
		.used = r->options->evict.bit_only ? file_used : NULL, .take = file_take, .ctx = r};
	const struct trace *t = r->trace;

	r->evict = evict_new(&r->options->evict, &host);
	r->files = allocate_files(t->file_count);
	if (!r->evict || !r->files)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->file_count; i++) {
		r->files[i] = (struct file){0};
		r->files[i].entry.id = random_mix(t->files[i].id);
		r->files[i].entry.size = t->files[i].size;
		r->files[i].entry.charge = cost_of(r, t->files[i].size);
	}
	r->is_eager = evict_is_eager(r->evict);
	return 0;
}

int replay_run(const struct trace *trace, const struct replay_options *options, struct replay_result *result)
{
	struct replay r = {.trace = trace, .options = options, .result = result};
	int error;

	_Static_assert(sizeof(struct file) == 64, "one cache line a file");
	*result = (struct replay_result){0};
	error = prepare(&r);
	if (!error)
		error = run(&r);
	if (!error)
		evict_read_stats(r.evict, &result->stats);
	evict_free(r.evict);
	free(r.files);
	return error;
}
