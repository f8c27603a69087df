#include "fs/control/latency.h"

#include "fs/control/json.h"

#include <inttypes.h>

#define FIRST_NS 1000

const char *const operation_names[OPERATION_COUNT] = {
#define OPERATION(name) #name,
	OPERATIONS(OPERATION)
#undef OPERATION
};

/* --- counting --------------------------------------------------------------------------------- */

/* Counts in quarters of the first bound: the highest bit is the octave, the two after it the part. ns - 1, so
 * that a bound belongs to the bucket below it. */
static unsigned bucket_of(uint64_t ns)
{
	uint64_t quarters = ns ? (ns - 1) / (FIRST_NS / LATENCY_PARTS) : 0;
	unsigned octave, bucket;

	if (quarters < LATENCY_PARTS)
		return 0;
	octave = 61 - (unsigned)__builtin_clzll(quarters);
	bucket = 1 + octave * LATENCY_PARTS + ((quarters >> octave) & (LATENCY_PARTS - 1));
	return MIN(bucket, LATENCY_BUCKETS - 1);
}

static unsigned own_share(void)
{
	static atomic_uint threads;
	static __thread unsigned own; /* the share plus one; 0: none yet */

	if (!own)
		own = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % LATENCY_SHARES;
	return own - 1;
}

static void raise_to(atomic_uint_least64_t *max, uint64_t value)
{
	uint_least64_t seen = atomic_load_explicit(max, memory_order_relaxed);

	while (seen < value && !atomic_compare_exchange_weak_explicit(
				       max, &seen, value, memory_order_relaxed, memory_order_relaxed))
		;
}

void latency_count(struct latency *latency, enum operation operation, uint64_t ns)
{
	struct latency_counters *counters = &latency->shares[own_share()].of[operation];

	atomic_fetch_add_explicit(&counters->buckets[bucket_of(ns)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&counters->sum_ns, ns, memory_order_relaxed);
	raise_to(&counters->max_ns, ns);
}

/* --- figures ---------------------------------------------------------------------------------- */

static uint64_t counted(const atomic_uint_least64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void latency_read(const struct latency *latency, enum operation operation, struct latency_figures *figures)
{
	*figures = (struct latency_figures){0};
	for (unsigned share = 0; share < LATENCY_SHARES; share++) {
		const struct latency_counters *counters = &latency->shares[share].of[operation];

		for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
			const uint64_t count = counted(&counters->buckets[i]);

			figures->buckets[i] += count;
			figures->count += count;
		}
		figures->sum_ns += counted(&counters->sum_ns);
		figures->max_ns = MAX(figures->max_ns, counted(&counters->max_ns));
	}
}

uint64_t latency_bucket_ns(unsigned bucket)
{
	const unsigned part = (bucket - 1) % LATENCY_PARTS, octave = (bucket - 1) / LATENCY_PARTS;

	if (bucket == 0)
		return FIRST_NS;
	if (bucket == LATENCY_BUCKETS - 1)
		return UINT64_MAX;
	return (uint64_t)(LATENCY_PARTS + part + 1) * (FIRST_NS / LATENCY_PARTS) << octave;
}

uint64_t latency_percentile_ns(const struct latency_figures *figures, double part)
{
	const double rank = (double)figures->count * part;
	uint64_t below = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS && figures->count; i++) {
		below += figures->buckets[i];
		if (below && (double)below >= rank)
			return MIN(latency_bucket_ns(i), figures->max_ns);
	}
	return 0;
}

/* --- output ----------------------------------------------------------------------------------- */

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

void latency_to_text(const struct latency *latency, GString *out)
{
	struct latency_figures figures;

	g_string_append_printf(
		out, "%-16s %14s %12s %12s %12s\n", "operation", "count", "p50 us", "p99 us", "max us");
	for (int operation = 0; operation < OPERATION_COUNT; operation++) {
		latency_read(latency, operation, &figures);
		if (figures.count)
			g_string_append_printf(out, "%-16s %14" PRIu64 " %12.1f %12.1f %12.1f\n",
				operation_names[operation], figures.count,
				seconds(latency_percentile_ns(&figures, 0.5)) * 1e6,
				seconds(latency_percentile_ns(&figures, 0.99)) * 1e6,
				seconds(figures.max_ns) * 1e6);
	}
}

static void operation_to_json(const char *name, const struct latency_figures *figures, GString *out)
{
	json_begin_object(out, name);
	json_uint(out, "count", figures->count);
	json_double(out, "sum_seconds", seconds(figures->sum_ns));
	json_double(out, "p50_seconds", seconds(latency_percentile_ns(figures, 0.5)));
	json_double(out, "p99_seconds", seconds(latency_percentile_ns(figures, 0.99)));
	json_double(out, "max_seconds", seconds(figures->max_ns));
	json_end_object(out);
}

void latency_to_json(const struct latency *latency, GString *out)
{
	struct latency_figures figures;

	json_begin_object(out, "operations");
	for (int operation = 0; operation < OPERATION_COUNT; operation++) {
		latency_read(latency, operation, &figures);
		if (figures.count)
			operation_to_json(operation_names[operation], &figures, out);
	}
	json_end_object(out);
}

#define FAMILY "sievefs_operation_seconds"

static void append_number(GString *out, double number)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	g_string_append(out, g_ascii_formatd(text, sizeof(text), "%.9f", number));
}

static void append_bucket(GString *out, const char *operation, uint64_t bound_ns, uint64_t count)
{
	g_string_append_printf(out, FAMILY "_bucket{operation=\"%s\",le=\"", operation);
	if (bound_ns == UINT64_MAX)
		g_string_append(out, "+Inf");
	else
		append_number(out, seconds(bound_ns));
	g_string_append_printf(out, "\"} %" PRIu64 "\n", count);
}

static void operation_to_openmetrics(const char *name, const struct latency_figures *figures, GString *out)
{
	uint64_t below = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		below += figures->buckets[i];
		if (i % LATENCY_PARTS == 0 || i == LATENCY_BUCKETS - 1)
			append_bucket(out, name, latency_bucket_ns(i), below);
	}
	g_string_append_printf(out, FAMILY "_count{operation=\"%s\"} %" PRIu64 "\n", name, figures->count);
	g_string_append_printf(out, FAMILY "_sum{operation=\"%s\"} ", name);
	append_number(out, seconds(figures->sum_ns));
	g_string_append_c(out, '\n');
}

void latency_to_openmetrics(const struct latency *latency, GString *out)
{
	struct latency_figures figures;

	g_string_append(out, "# TYPE " FAMILY " histogram\n# UNIT " FAMILY " seconds\n# HELP " FAMILY
			     " from a request's arrival in the daemon to its reply, by operation\n");
	for (int operation = 0; operation < OPERATION_COUNT; operation++) {
		latency_read(latency, operation, &figures);
		if (figures.count)
			operation_to_openmetrics(operation_names[operation], &figures, out);
	}
}
