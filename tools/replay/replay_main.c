/*
 * sievefs-replay - the miss ratios that each policy would have had, over traces of opens.
 */
#include "cache/base/standard_fds.h"
#include "tools/replay/report.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>

static int replay_all(const struct settings *s, const struct trace *trace, const struct advised *advised,
	struct replay_result *results)
{
	struct replay_options options = s->replay;

	for (unsigned i = 0; s->policies[i]; i++) {
		for (unsigned k = 0; k < s->size_count; k++) {
			struct replay_result *result = &results[i * s->size_count + k];
			int r;

			options.evict.policy = s->policies[i];
			options.evict.budget = cache_size_bytes(&s->sizes[k], trace);
			r = replay_run(trace, &options, result);
			if (r == 0 && advised)
				r = advised_run(advised, &options, &result->advised);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* The cache size for which the sample is taken: `sievectl advise` simulates 1/4 to 8 times that size, so four
 * times the smallest one. */
static uint64_t own_cache(const struct settings *s, const struct trace *trace)
{
	uint64_t smallest = UINT64_MAX;

	for (unsigned k = 0; k < s->size_count; k++)
		smallest = MIN(smallest, cache_size_bytes(&s->sizes[k], trace));
	return MIN(smallest, UINT64_MAX / 4) * 4;
}

static int replay_and_report(
	const struct settings *s, const struct trace *trace, struct replay_result *results, bool is_first)
{
	struct advised *advised = s->advise ? advised_new(trace, own_cache(s, trace)) : NULL;
	int r = s->advise && !advised ? -ENOMEM : replay_all(s, trace, advised, results);

	if (r == 0 && s->json)
		report_json(s, trace, results, is_first);
	else if (r == 0)
		report_table(s, trace, advised, results);
	advised_free(advised);
	return r;
}

static int replay_trace(const struct settings *s, const char *path, bool is_first)
{
	struct replay_result *results;
	g_autofree char *error = NULL;
	struct trace trace;
	unsigned policy_count = 0;
	int r = trace_load(path, &trace, &error);

	if (r < 0) {
		fprintf(stderr, "sievefs-replay: %s\n", error);
		return r;
	}
	while (s->policies[policy_count])
		policy_count++;
	results = g_new0(struct replay_result, (size_t)policy_count * s->size_count);
	if (s->write_probability > 0)
		r = trace_add_writes(&trace, s->write_probability, s->seed);
	if (!r)
		r = replay_and_report(s, &trace, results, is_first);
	if (r < 0)
		fprintf(stderr, "sievefs-replay: %s: %s\n", path, strerror(-r));
	g_free(results);
	trace_unload(&trace);
	return r;
}

int main(int argc, char **argv)
{
	struct settings settings;
	int r = 0;

	standard_fds_take();
	settings_parse(&settings, argc, argv);
	if (settings.json)
		printf("[\n");
	for (unsigned i = 0; settings.traces[i] && !r; i++)
		r = replay_trace(&settings, settings.traces[i], i == 0);
	if (settings.json)
		printf("\n]\n");
	settings_free(&settings);
	return r < 0 ? 1 : 0;
}
