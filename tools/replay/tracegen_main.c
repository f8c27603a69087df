/*
 * sievefs-tracegen - writes a synthetic trace for sievefs-replay to its standard output.
 */
#include "cache/base/standard_fds.h"
#include "cache/base/trace_format.h"
#include "tools/replay/workload.h"

#include <endian.h>
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

G_GNUC_PRINTF(1, 2) static _Noreturn void refuse(const char *format, ...)
{
	va_list args;

	fputs("sievefs-tracegen: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static int emit_csv(void *ctx, uint64_t number, uint64_t id, uint64_t size)
{
	return printf("%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", number, id, size) < 0 ? -EIO : 0;
}

static int emit_own(void *ctx, uint64_t number, uint64_t id, uint64_t size)
{
	struct trace_record record = {htole64(number), htole64(id), htole64(size << 8 | TRACE_OPEN)};

	return fwrite(&record, sizeof(record), 1, stdout) == 1 ? 0 : -EIO;
}

static char *kinds_help(void)
{
	GString *help = g_string_new("KIND is one of\n");

	for (const struct workload_kind *kind = workload_kinds; kind->name; kind++)
		g_string_append_printf(help, "  %-8s %s\n", kind->name, kind->help);
	return g_string_free(help, FALSE);
}

struct given {
	gint64 seed, files, opens, rounds, cold;
	double zipf, median, sigma, max;
	char *format;
	char **kinds;
};

static void check_range(const char *option, double value, double min, double max)
{
	if (!(value >= min && value <= max))
		refuse("--%s=%g: it takes a number from %g to %g", option, value, min, max);
}

/* An option that was not given is -1, and keeps the default of the kind. */
static void apply(struct workload *w, const struct given *given)
{
	if (given->seed != -1)
		w->seed = given->seed;
	if (given->files != -1)
		check_range("files", w->file_count = given->files, 1, 1e8);
	if (given->opens != -1)
		check_range("opens", w->open_count = given->opens, 1, 1e11);
	if (given->rounds != -1)
		check_range("rounds", w->round_count = given->rounds, 1, 1e6);
	if (given->cold != -1)
		check_range("cold", w->cold_count = given->cold, 0, 1e9);
	if (given->zipf != -1)
		check_range("zipf", w->zipf = given->zipf, 0, 10);
	if (given->median != -1)
		check_range("size-median", w->size_median = given->median, 1, 1e12);
	if (given->sigma != -1)
		check_range("size-sigma", w->size_sigma = given->sigma, 0, 10);
	if (given->max != -1)
		check_range("size-max", w->size_max = given->max, 1, 1e12);
}

static void parse(struct given *given, int argc, char **argv)
{
	const GOptionEntry entries[] = {
		{"seed", 0, 0, G_OPTION_ARG_INT64, &given->seed, "same seed, same trace", "N"},
		{"files", 0, 0, G_OPTION_ARG_INT64, &given->files, "hot files", "N"},
		{"opens", 0, 0, G_OPTION_ARG_INT64, &given->opens,
			"opens of hot files, in all rounds together", "N"},
		{"zipf", 0, 0, G_OPTION_ARG_DOUBLE, &given->zipf, "exponent of Zipf's law", "A"},
		{"rounds", 0, 0, G_OPTION_ARG_INT64, &given->rounds, "rounds of opens of hot files", "N"},
		{"cold", 0, 0, G_OPTION_ARG_INT64, &given->cold, "files of each scan or loop", "N"},
		{"size-median", 0, 0, G_OPTION_ARG_DOUBLE, &given->median, "median size of a file", "BYTES"},
		{"size-sigma", 0, 0, G_OPTION_ARG_DOUBLE, &given->sigma,
			"standard deviation of the logarithm of sizes", "S"},
		{"size-max", 0, 0, G_OPTION_ARG_DOUBLE, &given->max, "largest file", "BYTES"},
		{"format", 0, 0, G_OPTION_ARG_STRING, &given->format, "csv (default) or sievefs", "FORMAT"},
		{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &given->kinds, NULL, NULL},
		{NULL},
	};
	g_autoptr(GOptionContext) context = g_option_context_new("KIND - write a synthetic trace of opens");
	g_autoptr(GError) error = NULL;
	g_autofree char *help = kinds_help();

	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_description(context, help);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		refuse("%s; see --help", error->message);
	if (!given->kinds || !given->kinds[0] || given->kinds[1])
		refuse("it takes one KIND; see --help");
	if (given->format && strcmp(given->format, "csv") && strcmp(given->format, "sievefs"))
		refuse("--format=%s: it takes csv or sievefs", given->format);
}

int main(int argc, char **argv)
{
	struct given given = {-1, -1, -1, -1, -1, -1, -1, -1, -1, NULL, NULL};
	const struct workload_kind *kind;
	struct workload w;
	bool is_own;
	int r;

	standard_fds_take();
	parse(&given, argc, argv);
	kind = workload_find(given.kinds[0]);
	if (!kind)
		refuse("there is no kind '%s'; see --help", given.kinds[0]);
	w = kind->defaults;
	w.kind = kind->name;
	apply(&w, &given);
	is_own = given.format && !strcmp(given.format, "sievefs");
	if (is_own)
		fputs(TRACE_MAGIC, stdout);
	else
		puts("time,id,size");
	r = workload_run(&w, is_own ? emit_own : emit_csv, NULL);
	if (fflush(stdout) || r < 0) {
		fprintf(stderr, "sievefs-tracegen: writing: %s\n", strerror(r < 0 ? -r : errno));
		return 1;
	}
	g_free(given.format);
	g_strfreev(given.kinds);
	return 0;
}
