#include "tools/replay/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static double object_miss_ratio(const struct trace *trace, const struct replay_result *result)
{
	return 1 - result->hit_count / (double)trace->open_count;
}

static double byte_miss_ratio(const struct replay_result *result)
{
	return result->byte_total ? 1 - result->byte_hits / (double)result->byte_total : 0;
}

static double ns_per_request(const struct trace *trace, const struct replay_result *result)
{
	return result->elapsed_ns / (double)trace->open_count;
}

static void print_heading(const struct settings *s, const struct trace *t)
{
	printf("%s: %" PRIu64
	       " requests, %u objects, working set %.1f MB, mean %.0f B, opened once %.0f%%\n\n",
		t->path, t->open_count, t->file_count, t->working_set / 1e6,
		t->working_set / (double)t->file_count, 100.0 * t->one_hit_count / t->file_count);
	printf("| policy | object miss ratio at %s |", s->sizes[0].text);
	for (unsigned i = 1; i < s->size_count; i++)
		printf(" %s |", s->sizes[i].text);
	printf(" byte miss ratio at %s |", s->sizes[0].text);
	for (unsigned i = 1; i < s->size_count; i++)
		printf(" %s |", s->sizes[i].text);
	printf(" ns a request | most examined |\n|---|");
	for (unsigned i = 0; i < 2 * s->size_count + 2; i++)
		printf("---|");
	putchar('\n');
}

static void print_row(
	const struct settings *s, const struct trace *t, const char *policy, const struct replay_result *row)
{
	uint64_t most_examined = 0;
	double ns = 0;

	printf("| %s |", policy);
	for (unsigned i = 0; i < s->size_count; i++)
		printf(" %.4f |", object_miss_ratio(t, &row[i]));
	for (unsigned i = 0; i < s->size_count; i++)
		printf(" %.4f |", byte_miss_ratio(&row[i]));
	for (unsigned i = 0; i < s->size_count; i++) {
		ns += ns_per_request(t, &row[i]) / s->size_count;
		if (row[i].stats.most_examined > most_examined)
			most_examined = row[i].stats.most_examined;
	}
	printf(" %.1f | %" PRIu64 " |\n", ns, most_examined);
}

static void print_advised_row(const struct settings *s, const char *policy, const struct replay_result *row)
{
	printf("| %s, advised |", policy);
	for (unsigned i = 0; i < s->size_count; i++)
		printf(" %.4f |", 1 - row[i].advised.hit_ratio);
	for (unsigned i = 0; i < s->size_count; i++)
		printf(" %.4f |", 1 - row[i].advised.byte_hit_ratio);
	printf(" | |\n");
}

static void print_extent(const struct advised *advised)
{
	unsigned one_in;
	uint32_t files, opens;

	advised_extent(advised, &one_in, &files, &opens);
	printf("\nadvised: from %u opens of %u files, one in %u\n", opens, files, one_in);
}

void report_table(const struct settings *s, const struct trace *trace, const struct advised *advised,
	const struct replay_result *results)
{
	print_heading(s, trace);
	for (unsigned i = 0; s->policies[i]; i++) {
		const struct replay_result *row = &results[i * s->size_count];

		print_row(s, trace, evict_policy_name(s->policies[i]), row);
		if (advised)
			print_advised_row(s, evict_policy_name(s->policies[i]), row);
	}
	if (advised)
		print_extent(advised);
	putchar('\n');
}

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_element(const struct settings *s, const struct trace *t, const struct evict_policy *policy,
	const struct cache_size *size, const struct replay_result *r)
{
	printf("  {\"trace\": ");
	print_string(t->path);
	printf(", \"policy\": \"%s\", \"size\": \"%s\", \"cache_bytes\": %" PRIu64, evict_policy_name(policy),
		size->text, cache_size_bytes(size, t));
	printf(", \"requests\": %" PRIu64 ", \"objects\": %u, \"working_set_bytes\": %" PRIu64, t->open_count,
		t->file_count, t->working_set);
	printf(", \"object_miss_ratio\": %.6f, \"byte_miss_ratio\": %.6f", object_miss_ratio(t, r),
		byte_miss_ratio(r));
	printf(", \"ns_per_request\": %.2f, \"most_examined\": %" PRIu64, ns_per_request(t, r),
		r->stats.most_examined);
	printf(", \"examined\": %" PRIu64 ", \"evictions\": %" PRIu64 ", \"forced\": %" PRIu64,
		r->stats.examined, r->stats.evictions, r->stats.forced);
	if (s->advise)
		printf(", \"advised_object_miss_ratio\": %.6f, \"advised_byte_miss_ratio\": %.6f",
			1 - r->advised.hit_ratio, 1 - r->advised.byte_hit_ratio);
	printf(", \"fills\": %" PRIu64 ", \"policy_bytes\": %" PRIu64 "}", r->fill_count, r->stats.memory);
}

void report_json(const struct settings *s, const struct trace *trace, const struct replay_result *results,
	bool is_first)
{
	for (unsigned i = 0; s->policies[i]; i++) {
		for (unsigned k = 0; k < s->size_count; k++) {
			if (!is_first)
				printf(",\n");
			is_first = false;
			print_element(
				s, trace, s->policies[i], &s->sizes[k], &results[i * s->size_count + k]);
		}
	}
}
