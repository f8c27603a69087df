#include "tools/replay/advised.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct advised {
	struct sample sample;
	struct sample_extent extent;
	struct advise *advise;
	uint64_t files[SAMPLE_FILES];
	uint16_t tokens[SAMPLE_ROOM / 2];
};

struct known {
	uint64_t size;
	unsigned version;
};

static void feed(const struct trace *trace, struct known *files, uint64_t cache_size, struct sample *sample)
{
	uint64_t change = 0;

	for (uint64_t i = 0; i < trace->open_count; i++) {
		struct known *file;

		for (; change < trace->change_count && trace->changes[change].position <= i; change++) {
			file = &files[trace->changes[change].file];
			if (trace->changes[change].is_stale)
				file->version++;
			else
				file->size = trace->changes[change].size;
		}
		file = &files[trace->opens[i]];
		if (sample_open(sample, sample_hash(trace->files[trace->opens[i]].id), file->size,
			    file->version, false))
			sample_take_in(sample, cache_size);
	}
	sample_take_in(sample, cache_size);
}

static int take_sample(struct advised *advised, const struct trace *trace, uint64_t cache_size)
{
	struct known *files = calloc(trace->file_count, sizeof(*files));
	struct advise_sample copy = {.files = advised->files, .tokens = advised->tokens};

	if (!files)
		return -ENOMEM;
	sample_init(&advised->sample, UINT64_MAX);
	for (uint32_t i = 0; i < trace->file_count; i++)
		files[i].size = trace->files[i].size;
	feed(trace, files, cache_size, &advised->sample);
	free(files);
	sample_read_extent(&advised->sample, &copy.extent);
	sample_read_files(&advised->sample, 0, advised->files, SAMPLE_FILES);
	sample_read_tokens(&advised->sample, 0, advised->tokens, SAMPLE_ROOM / 2);
	advised->extent = copy.extent;
	return advise_new(&advised->advise, &copy);
}

struct advised *advised_new(const struct trace *trace, uint64_t cache_size)
{
	struct advised *advised = aligned_alloc(_Alignof(struct advised), sizeof(*advised));

	if (!advised)
		return NULL;
	memset(advised, 0, sizeof(*advised));
	if (take_sample(advised, trace, cache_size) == 0)
		return advised;
	advised_free(advised);
	return NULL;
}

void advised_free(struct advised *advised)
{
	if (!advised)
		return;
	advise_free(advised->advise);
	free(advised);
}

void advised_extent(const struct advised *advised, unsigned *one_in, uint32_t *files, uint32_t *opens)
{
	*one_in = 1U << advised->extent.shift;
	*files = advise_file_count(advised->advise);
	*opens = advised->extent.open_count;
}

int advised_run(
	const struct advised *advised, const struct replay_options *options, struct advise_result *result)
{
	const struct evict_options *evict = &options->evict;
	unsigned part = evict->largest_part ? evict->largest_part : EVICT_LARGEST_PART;
	const struct advise_cache cache = {
		.policy = evict->policy,
		.budget = evict->budget,
		.admit = evict->admit,
		.small_max = UINT64_MAX,
		.largest = evict->budget / part + evict->largest_extra,
		.charges_file_only = options->charge == REPLAY_BYTES,
	};

	return advise_simulate(advised->advise, &cache, result);
}
