#include "tools/replay/settings.h"

#include <ctype.h>
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The options as GOption delivers them. */
struct given {
	char *evict, *sizes, *charge, *largest, *s0, *small, *writes;
	int admit;
	gboolean advise, bit_only, json, version;
	gint64 seed;
	char **traces;
};

G_GNUC_PRINTF(1, 2) static _Noreturn void refuse(const char *format, ...)
{
	va_list args;

	fputs("sievefs-replay: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static bool parse_percent(const char *text, double *part)
{
	char *end;

	*part = g_ascii_strtod(text, &end) / 100;
	return isdigit((unsigned char)*text) && !strcmp(end, "%");
}

static bool parse_bytes(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	char *end;
	double number = g_ascii_strtod(text, &end);
	const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;

	if (!isdigit((unsigned char)*text) || (*end && !unit) || (unit && end[1]))
		return false;
	for (const char *u = units; unit && u <= unit; u++)
		number *= 1024;
	if (number >= 9e18)
		return false;
	*bytes = number;
	return true;
}

static char *policy_names(void)
{
	GString *names = g_string_new(NULL);

	for (size_t i = 0; evict_catalogue[i]; i++)
		g_string_append_printf(names, "%s%s", i ? ", " : "", evict_policy_name(evict_catalogue[i]));
	return g_string_free(names, FALSE);
}

static void parse_policies(struct settings *s, const char *list)
{
	g_auto(GStrv) names = g_strsplit(list, ",", -1);
	GPtrArray *policies = g_ptr_array_new();

	for (size_t i = 0; !strcmp(list, "all") && evict_catalogue[i]; i++)
		g_ptr_array_add(policies, (void *)evict_catalogue[i]);
	for (size_t i = 0; strcmp(list, "all") && names[i]; i++) {
		const struct evict_policy *policy = evict_find(names[i]);

		if (!policy) {
			g_autofree char *known = policy_names();

			refuse("--evict=%s: there is no policy '%s'; it takes all or a list of %s", list,
				names[i], known);
		}
		g_ptr_array_add(policies, (void *)policy);
	}
	if (!policies->len)
		refuse("--evict= is empty; it takes all or a list of policies");
	g_ptr_array_add(policies, NULL);
	s->policies = (const struct evict_policy **)g_ptr_array_free(policies, FALSE);
}

static void parse_sizes(struct settings *s, const char *list)
{
	g_auto(GStrv) texts = NULL;

	if (!list || !*list)
		refuse("--sizes=LIST is missing: cache sizes such as 64M or 1%% of the working set, between "
		       "commas");
	texts = g_strsplit(list, ",", -1);
	s->sizes = g_new0(struct cache_size, g_strv_length(texts));
	for (; texts[s->size_count]; s->size_count++) {
		struct cache_size *size = &s->sizes[s->size_count];

		size->text = g_strdup(texts[s->size_count]);
		if (!parse_percent(size->text, &size->part) && !parse_bytes(size->text, &size->bytes))
			refuse("--sizes=%s: '%s' is neither bytes (with K, M, G or T) nor a percentage", list,
				size->text);
		if (!size->bytes && !(size->part > 0))
			refuse("--sizes=%s: '%s' is too small; a cache has at least one byte", list,
				size->text);
	}
}

static void parse_tuning(struct settings *s, const struct given *given)
{
	struct evict_options *evict = &s->replay.evict;
	double part;

	evict->largest_part = 1;
	if (given->largest) {
		if (!parse_percent(given->largest, &part) || part <= 0 || part > 1)
			refuse("--largest=%s: it takes a percentage of the cache above 0%% and up to 100%%",
				given->largest);
		evict->largest_part = 1 / part + 0.5;
	}
	if (given->small) {
		if (!parse_percent(given->small, &part) || part < 0.001 || part > 0.9)
			refuse("--small=%s: it takes a percentage of the cache from 0.1%% to 90%%",
				given->small);
		evict->small_permille = part * 1000 + 0.5;
	}
	if (given->s0 && (!parse_bytes(given->s0, &evict->s0) || !evict->s0))
		refuse("--s0=%s: it takes a size in bytes above 0", given->s0);
	if (given->writes &&
		(!parse_percent(given->writes, &s->write_probability) || s->write_probability > 1))
		refuse("--writes=%s: it takes a percentage from 0%% to 100%%", given->writes);
}

static void settle(struct settings *s, struct given *given)
{
	if (given->version) {
		puts("sievefs-replay " SIEVEFS_VERSION);
		exit(0);
	}
	if (!given->traces || !*given->traces)
		refuse("no TRACE given; see --help");
	parse_policies(s, given->evict ? given->evict : evict_policy_name(evict_catalogue[0]));
	parse_sizes(s, given->sizes);
	parse_tuning(s, given);
	if (given->admit < 0 || given->admit > 15)
		refuse("--admit=%d: it takes a number of opens from 0 (never) to 15", given->admit);
	if (given->charge && strcmp(given->charge, "bytes") && strcmp(given->charge, "pages"))
		refuse("--charge=%s: it takes bytes or pages", given->charge);
	s->replay.charge = given->charge && !strcmp(given->charge, "pages") ? REPLAY_PAGES : REPLAY_BYTES;
	s->replay.evict.memory_is_free = s->replay.charge == REPLAY_BYTES;
	s->replay.evict.admit = given->admit;
	s->replay.evict.bit_only = given->bit_only;
	s->seed = given->seed;
	s->json = given->json;
	s->advise = given->advise;
	s->traces = given->traces;
}

static void free_given(struct given *given)
{
	g_free(given->evict);
	g_free(given->sizes);
	g_free(given->charge);
	g_free(given->largest);
	g_free(given->s0);
	g_free(given->small);
	g_free(given->writes);
}

void settings_parse(struct settings *settings, int argc, char **argv)
{
	struct given given = {.admit = 1, .seed = 1};
	const GOptionEntry entries[] = {
		{"evict", 0, 0, G_OPTION_ARG_STRING, &given.evict,
			"eviction policies to run (default: that of a mount)", "LIST|all"},
		{"sizes", 0, 0, G_OPTION_ARG_STRING, &given.sizes,
			"cache sizes: bytes with K, M, G, T, or % of the working set", "LIST"},
		{"admit", 0, 0, G_OPTION_ARG_INT, &given.admit,
			"open at which a file is admitted; 0 = never (default 1)", "N"},
		{"charge", 0, 0, G_OPTION_ARG_STRING, &given.charge,
			"space that a file takes: its size (default), or pages and index as in a mount",
			"bytes|pages"},
		{"reference-bit", 0, 0, G_OPTION_ARG_NONE, &given.bit_only,
			"policies see only the reference bit, as in a mount", NULL},
		{"largest", 0, 0, G_OPTION_ARG_STRING, &given.largest,
			"largest file, in percent of the cache size (default 100%; a mount: 12.5%)",
			"PERCENT"},
		{"writes", 0, 0, G_OPTION_ARG_STRING, &given.writes,
			"part of the opens before which the file changes (default 0%)", "PERCENT"},
		{"seed", 0, 0, G_OPTION_ARG_INT64, &given.seed, "seed for --writes (default 1)", "N"},
		{"s0", 0, 0, G_OPTION_ARG_STRING, &given.s0,
			"s3gd: above this, size hardly matters (default 512K)", "BYTES"},
		{"small", 0, 0, G_OPTION_ARG_STRING, &given.small,
			"s3gd, s3fifo: share of the queue of new files", "PERCENT"},
		{"advise", 0, 0, G_OPTION_ARG_NONE, &given.advise,
			"also print the estimate of sievectl advise for the same cache", NULL},
		{"json", 0, 0, G_OPTION_ARG_NONE, &given.json, "print an array of results instead of tables",
			NULL},
		{"version", 'V', 0, G_OPTION_ARG_NONE, &given.version, "print the version", NULL},
		{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &given.traces, NULL, NULL},
		{NULL},
	};
	g_autoptr(GOptionContext) context =
		g_option_context_new("TRACE... - replay opens through the cache's policies");
	g_autoptr(GError) error = NULL;

	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_description(context,
		"A TRACE is CSV (time,id,size), oracleGeneral, or of sievectl trace; plain or zstd.\n"
		"The defaults are those of cache simulators; the options of a mount are\n"
		"--admit=2 --charge=pages --reference-bit --largest=12.5%.\n");
	*settings = (struct settings){0};
	if (!g_option_context_parse(context, &argc, &argv, &error))
		refuse("%s; see --help", error->message);
	settle(settings, &given);
	free_given(&given);
}

void settings_free(struct settings *settings)
{
	for (unsigned i = 0; i < settings->size_count; i++)
		g_free((char *)settings->sizes[i].text);
	g_free(settings->sizes);
	g_free(settings->policies);
	g_strfreev(settings->traces);
}

uint64_t cache_size_bytes(const struct cache_size *size, const struct trace *trace)
{
	uint64_t bytes = size->bytes ? size->bytes : size->part * trace->working_set;

	return bytes ? bytes : 1;
}
