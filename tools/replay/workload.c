#include "tools/replay/workload.h"

#include "tools/replay/random.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Ids: hot files from 1, files of scans from COLD_BASE. */
#define COLD_BASE (1ULL << 40)

struct run {
	const struct workload *w;
	struct random random;
	double *cumulated; /* Zipf: probability of this rank or a lower one */
	uint32_t *order;   /* of an epoch's files */
	uint64_t number;
	uint64_t shift; /* of the hot set */
	uint64_t next_cold;
	workload_emit *emit;
	void *ctx;
};

/* A file's size depends on its id and the seed only. */
static uint64_t size_of(const struct workload *w, uint64_t id)
{
	struct random r = {random_mix(id) ^ random_mix(w->seed + 1)};
	double u = 1 - random_unit(&r), v = random_unit(&r);
	double normal = sqrt(-2 * log(u)) * cos(2 * M_PI * v);
	double size = w->size_median * exp(w->size_sigma * normal);

	return size > w->size_max ? w->size_max : size < 1 ? 1 : size;
}

static int prepare_zipf(struct run *run)
{
	const struct workload *w = run->w;
	double sum = 0;

	run->cumulated = malloc(w->file_count * sizeof(*run->cumulated));
	if (!run->cumulated)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->file_count; i++)
		run->cumulated[i] = sum += pow(i + 1, -w->zipf);
	for (uint32_t i = 0; i < w->file_count; i++)
		run->cumulated[i] /= sum;
	return 0;
}

static uint32_t draw_rank(struct run *run)
{
	double u = random_unit(&run->random);
	uint32_t low = 0, high = run->w->file_count - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (run->cumulated[middle] < u)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int emit(struct run *run, uint64_t id)
{
	return run->emit(run->ctx, run->number++, id, size_of(run->w, id));
}

static int emit_hot(struct run *run)
{
	return emit(run, 1 + draw_rank(run) + run->shift);
}

static int emit_hots(struct run *run, uint64_t count)
{
	int r = 0;

	for (uint64_t i = 0; i < count && !r; i++)
		r = emit_hot(run);
	return r;
}

/* New files, each once. */
static int emit_scan(struct run *run)
{
	int r = 0;

	for (uint32_t i = 0; i < run->w->cold_count && !r; i++)
		r = emit(run, COLD_BASE + run->next_cold++);
	return r;
}

/* The same files again each time. */
static int emit_loop(struct run *run)
{
	run->next_cold = 0;
	return emit_scan(run);
}

/* Replaces a tenth of the hot set by new files: all ranks move. */
static int shift_hot(struct run *run)
{
	run->shift += run->w->file_count / 10;
	return 0;
}

static int emit_nothing(struct run *run)
{
	return 0;
}

static int run_rounds(struct run *run, int (*after)(struct run *run))
{
	const struct workload *w = run->w;
	int r = 0;

	for (uint32_t i = 0; i < w->round_count && !r; i++) {
		r = emit_hots(
			run, w->open_count * (i + 1) / w->round_count - w->open_count * i / w->round_count);
		if (!r)
			r = after(run);
	}
	return r;
}

static int run_onehit(struct run *run)
{
	int r = 0;

	for (uint64_t i = 0; i < run->w->open_count && !r; i++) {
		r = emit_hot(run);
		if (!r && run->w->cold_count && random_next(&run->random) % run->w->cold_count == 0)
			r = emit(run, COLD_BASE + run->next_cold++);
	}
	return r;
}

static int prepare_order(struct run *run)
{
	run->order = malloc(run->w->file_count * sizeof(*run->order));
	if (!run->order)
		return -ENOMEM;
	for (uint32_t i = 0; i < run->w->file_count; i++)
		run->order[i] = i;
	return 0;
}

/* By Fisher and Yates, so that each order is as likely as any other. */
static void shuffle(struct run *run)
{
	for (uint32_t i = run->w->file_count - 1; i > 0; i--) {
		uint32_t j = random_next(&run->random) % (i + 1), other = run->order[j];

		run->order[j] = run->order[i];
		run->order[i] = other;
	}
}

static int run_epochs(struct run *run)
{
	int r = prepare_order(run);

	for (uint32_t round = 0; round < run->w->round_count && !r; round++) {
		shuffle(run);
		for (uint32_t i = 0; i < run->w->file_count && !r; i++)
			r = emit(run, 1 + run->order[i]);
	}
	return r;
}

#define SIZES .size_median = 6144, .size_sigma = 1.5, .size_max = 4 << 20

const struct workload_kind workload_kinds[] = {
	{"zipf", "hot files only",
		{.seed = 1, .file_count = 50000, .open_count = 500000, .zipf = 0.9, .round_count = 1, SIZES}},
	{"scan", "rounds of opens of hot files, each followed by a scan of new files, opened once",
		{.seed = 1,
			.file_count = 20000,
			.open_count = 650000,
			.zipf = 0.9,
			.round_count = 13,
			.cold_count = 25000,
			SIZES}},
	{"loop", "rounds of opens of hot files, each followed by one pass over the same cold files",
		{.seed = 1,
			.file_count = 20000,
			.open_count = 500000,
			.zipf = 0.9,
			.round_count = 10,
			.cold_count = 25000,
			SIZES}},
	{"onehit", "opens of hot files, and after one in --cold of them a new file that is opened once",
		{.seed = 1,
			.file_count = 20000,
			.open_count = 500000,
			.zipf = 0.8,
			.round_count = 1,
			.cold_count = 2,
			SIZES}},
	{"shift", "a hot set of which a tenth is replaced after each round",
		{.seed = 1,
			.file_count = 20000,
			.open_count = 500000,
			.zipf = 0.9,
			.round_count = 20,
			SIZES}},
	{"epoch", "each file once a round, in a new order each round, as a training job reads them",
		{.seed = 1,
			.file_count = 20000,
			.round_count = 10,
			.size_median = 80 << 10,
			.size_sigma = 0.6,
			.size_max = 200 << 10}},
	{NULL},
};

const struct workload_kind *workload_find(const char *name)
{
	for (const struct workload_kind *kind = workload_kinds; kind->name; kind++)
		if (!strcmp(kind->name, name))
			return kind;
	return NULL;
}

int workload_run(const struct workload *w, workload_emit *emit_open, void *ctx)
{
	struct run run = {.w = w, .random = {w->seed}, .emit = emit_open, .ctx = ctx};
	int r = prepare_zipf(&run);

	if (r < 0)
		return r;
	if (!strcmp(w->kind, "epoch"))
		r = run_epochs(&run);
	else if (!strcmp(w->kind, "onehit"))
		r = run_onehit(&run);
	else
		r = run_rounds(&run, !strcmp(w->kind, "scan")    ? emit_scan
				     : !strcmp(w->kind, "loop")  ? emit_loop
				     : !strcmp(w->kind, "shift") ? shift_hot
								 : emit_nothing);
	free(run.cumulated);
	free(run.order);
	return r;
}
