#include "tools/sievectl/advise.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache/policy/charge.h"
#include "fs/control/json.h"
#include "fs/options/option_value.h"
#include "tools/sievectl/advise_plot.h"
#include "tools/sievectl/advise_sample.h"

/* Of fewer opens, most are the first of their file, and each one counts for a tenth of a point or more. */
#define OPENS_MIN 1000

/* If a cache holds fewer files of a sample, each of these files may change its hit ratio by points. */
#define CACHED_FILES_MIN 512

#define BAR_COLUMNS 40

/* The sizes, in quarters of the present one; the picture has further points in between. */
static const unsigned quarters[] = {1, 2, 4, 8, 16, 32};
#define POINT_COUNT 21 /* from a quarter to eight times, four to each doubling */

struct alternative {
	char *name; /* "evict=lru": as the mount option */
	struct advise_cache cache;
	struct advise_result result;
	bool is_rough;
};

static struct advise_cache present_cache(const struct advise_mount *mount)
{
	return (struct advise_cache){
		.policy = mount->evict,
		.budget = mount->cache_size,
		.admit = (unsigned)mount->admit,
		.small_max = mount->small_max,
		.largest = advise_largest(mount->cache_size),
	};
}

static struct advise_cache sized(const struct advise_mount *mount, uint64_t bytes)
{
	struct advise_cache cache = present_cache(mount);

	cache.budget = bytes;
	cache.largest = advise_largest(bytes);
	return cache;
}

static int run(const struct advise_mount *mount, struct alternative *a)
{
	a->is_rough = mount->extent.shift && advise_cached_files(mount->advise, &a->cache) < CACHED_FILES_MIN;
	return advise_simulate(mount->advise, &a->cache, &a->result);
}

static struct alternative *add(GArray *list, char *name, const struct advise_cache *cache)
{
	const struct alternative a = {.name = name, .cache = *cache};

	g_array_append_val(list, a);
	return &g_array_index(list, struct alternative, list->len - 1);
}

static void free_alternative(void *alternative)
{
	g_free(((struct alternative *)alternative)->name);
}

/* --- what is simulated ------------------------------------------------------------------------ */

static GArray *list_sizes(const struct advise_mount *mount)
{
	GArray *list = g_array_new(FALSE, TRUE, sizeof(struct alternative));

	g_array_set_clear_func(list, free_alternative);
	for (size_t i = 0; i < G_N_ELEMENTS(quarters); i++) {
		const struct advise_cache cache = sized(mount, mount->cache_size / 4 * quarters[i]);

		add(list, g_strdup_printf("%g", quarters[i] / 4.0), &cache);
	}
	return list;
}

static void add_policies(GArray *list, const struct advise_mount *mount)
{
	for (size_t i = 0; evict_catalogue[i]; i++) {
		struct advise_cache cache = present_cache(mount);

		cache.policy = evict_catalogue[i];
		add(list, g_strdup_printf("evict=%s", evict_policy_name(cache.policy)), &cache);
	}
}

static void add_admissions(GArray *list, const struct advise_mount *mount)
{
	for (unsigned admit = 1; admit <= 4; admit++) {
		struct advise_cache cache = present_cache(mount);

		cache.admit = admit;
		add(list, g_strdup_printf("admit=%u", admit), &cache);
	}
}

static void add_limits(GArray *list, const struct advise_mount *mount)
{
	for (unsigned i = 0; i < 5; i++) {
		struct advise_cache cache = present_cache(mount);
		g_autoptr(GString) size = g_string_new("small_max=");

		cache.small_max = mount->small_max / 4 << i;
		if (i == 2)
			cache.small_max = mount->small_max;
		value_format_size(size, cache.small_max);
		add(list, g_strdup(size->str), &cache);
	}
}

static GArray *list_alternatives(const struct advise_mount *mount)
{
	GArray *list = g_array_new(FALSE, TRUE, sizeof(struct alternative));

	g_array_set_clear_func(list, free_alternative);
	add_policies(list, mount);
	add_admissions(list, mount);
	add_limits(list, mount);
	return list;
}

static bool is_present(const struct advise_mount *mount, const struct advise_cache *cache)
{
	return cache->policy == mount->evict && cache->admit == mount->admit &&
	       cache->small_max == mount->small_max && cache->budget == mount->cache_size;
}

static int run_all(const struct advise_mount *mount, GArray *list)
{
	int r = 0;

	for (guint i = 0; i < list->len && r == 0; i++)
		r = run(mount, &g_array_index(list, struct alternative, i));
	return r;
}

/* --- as text ---------------------------------------------------------------------------------- */

static void print_row(const struct advise_mount *mount, const char *name, const struct alternative *a)
{
	char bar[BAR_COLUMNS + 1] = "";
	int length = (int)(a->result.hit_ratio * BAR_COLUMNS + 0.5);

	memset(bar, '#', (size_t)CLAMP(length, 0, BAR_COLUMNS));
	printf("%c %-18s %c%6.1f %8.1f  |%-*s|\n", is_present(mount, &a->cache) ? '*' : ' ', name,
		a->is_rough ? '~' : ' ', 100 * a->result.hit_ratio, 100 * a->result.byte_hit_ratio,
		BAR_COLUMNS, bar);
}

static void print_heading(const char *what)
{
	printf("\n  %-18s  %6s %8s  |0%*s|\n", what, "opens%", "bytes%", BAR_COLUMNS - 1, "100%");
}

static void print_sample(const struct advise_mount *mount)
{
	const struct sample_extent *extent = &mount->extent;

	printf("sample: %u opens of %u files, one file in %u, out of %" PRIu64 " opens%s\n",
		extent->open_count, advise_file_count(mount->advise), 1U << extent->shift, extent->seen.opens,
		extent->is_cut ? "; older ones were dropped" : "");
	if (mount->hits + mount->misses)
		printf("the mount itself: %.1f%% hits of the %" PRIu64
		       " opens of files that may be cached, since its start\n",
			100.0 * (double)mount->hits / (double)(mount->hits + mount->misses),
			mount->hits + mount->misses);
}

/* As a value that options accept, but rounded. */
static char *size_in_words(uint64_t bytes)
{
	static const char units[] = "\0KMGT";
	double size = (double)bytes;
	unsigned unit = 0;

	for (; size >= 1024 && unit < sizeof(units) - 2; unit++)
		size /= 1024;
	return g_strdup_printf("%.4g%.1s", size, &units[unit]);
}

static void print_all(const struct advise_mount *mount, const GArray *sizes, const GArray *alternatives)
{
	bool is_rough = false;

	print_sample(mount);
	print_heading("cache_size");
	for (guint i = 0; i < sizes->len; i++) {
		const struct alternative *a = &g_array_index(sizes, struct alternative, i);
		g_autofree char *size = size_in_words(a->cache.budget);
		g_autofree char *name = g_strdup_printf("%5sx %s", a->name, size);

		is_rough = is_rough || a->is_rough;
		print_row(mount, name, a);
	}
	print_heading("other options");
	for (guint i = 0; i < alternatives->len; i++) {
		const struct alternative *a = &g_array_index(alternatives, struct alternative, i);

		is_rough = is_rough || a->is_rough;
		print_row(mount, a->name, a);
	}
	printf("\n* the mount as it is\n");
	if (is_rough)
		printf("~ rough: such a cache would hold fewer than %d files of the sample\n",
			CACHED_FILES_MIN);
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void append_list(const char *key, const GArray *list, GString *out)
{
	json_begin_object(out, key);
	for (guint i = 0; i < list->len; i++) {
		const struct alternative *a = &g_array_index(list, struct alternative, i);

		json_begin_object(out, a->name);
		json_uint(out, "cache_size", a->cache.budget);
		json_double(out, "hit_ratio", a->result.hit_ratio);
		json_double(out, "byte_hit_ratio", a->result.byte_hit_ratio);
		json_uint(out, "rough", a->is_rough);
		json_end_object(out);
	}
	json_end_object(out);
}

static void print_json(const struct advise_mount *mount, const GArray *sizes, const GArray *alternatives)
{
	g_autoptr(GString) out = g_string_new(NULL);

	json_begin_object(out, NULL);
	json_begin_object(out, "sample");
	json_uint(out, "opens", mount->extent.open_count);
	json_uint(out, "files", advise_file_count(mount->advise));
	json_uint(out, "one_file_in", 1ULL << mount->extent.shift);
	json_uint(out, "opens_seen", mount->extent.seen.opens);
	json_uint(out, "older_forgotten", mount->extent.is_cut);
	json_end_object(out);
	json_begin_object(out, "mount");
	json_uint(out, "cache_size", mount->cache_size);
	json_string(out, "evict", evict_policy_name(mount->evict));
	json_uint(out, "admit", mount->admit);
	json_uint(out, "small_max", mount->small_max);
	json_uint(out, "hits", mount->hits);
	json_uint(out, "misses", mount->misses);
	json_end_object(out);
	append_list("curve", sizes, out);
	append_list("options", alternatives, out);
	json_end_object(out);
	puts(out->str);
}

/* --- as a picture ----------------------------------------------------------------------------- */

/* 2^(i/4) / 4 in 1/65536 */
static uint64_t scale(uint64_t size, unsigned i)
{
	static const uint64_t roots[] = {65536, 77936, 92682, 110218};

	return (uint64_t)((double)size / 4 * (double)roots[i % 4] / 65536 * (double)(1U << i / 4));
}

static int draw(const struct advise_mount *mount, const char *file)
{
	struct advise_point points[POINT_COUNT];
	g_autofree char *title = g_strdup_printf("evict=%s, admit=%u, from %u opens of %u files",
		evict_policy_name(mount->evict), (unsigned)mount->admit, mount->extent.open_count,
		advise_file_count(mount->advise));

	for (unsigned i = 0; i < POINT_COUNT; i++) {
		const struct advise_cache cache = sized(mount, scale(mount->cache_size, i));
		struct advise_result result;
		int r = advise_simulate(mount->advise, &cache, &result);

		if (r < 0)
			return r;
		points[i] = (struct advise_point){cache.budget, result.hit_ratio, result.byte_hit_ratio};
	}
	return advise_plot_svg(file, points, POINT_COUNT, mount->cache_size, title);
}

/* --- the command ------------------------------------------------------------------------------ */

static int too_few(const struct advise_mount *mount)
{
	fprintf(stderr,
		"sievectl: the sample is too small: %u opens of %u files so far, and advise needs %d opens\n",
		mount->extent.open_count, advise_file_count(mount->advise), OPENS_MIN);
	return 1;
}

static int not_fetched(int r)
{
	if (r == -EPROTO)
		fputs("sievectl: the daemon of this mount has no sample that this version can read\n",
			stderr);
	else if (r == -EAGAIN)
		fputs("sievectl: the sample changed faster than it could be read; try again\n", stderr);
	return r == -EPROTO || r == -EAGAIN ? 1 : r;
}

static int answer(const struct advise_mount *mount, bool json, const char *svg)
{
	g_autoptr(GArray) sizes = list_sizes(mount);
	g_autoptr(GArray) alternatives = list_alternatives(mount);
	int r = run_all(mount, sizes);

	if (r == 0)
		r = run_all(mount, alternatives);
	if (r == 0 && svg)
		r = draw(mount, svg);
	if (r == 0 && json)
		print_json(mount, sizes, alternatives);
	else if (r == 0)
		print_all(mount, sizes, alternatives);
	return r;
}

int advise_run(struct sievefs_mount *ctl, const char *const *request)
{
	struct advise_mount mount;
	const char *svg = NULL;
	bool json = false;
	int r;

	for (request++; *request; request++) {
		if (strcmp(*request, "--json") == 0)
			json = true;
		else
			svg = *++request;
	}
	r = advise_fetch(ctl, &mount);
	if (r < 0)
		return not_fetched(r);
	r = mount.extent.open_count < OPENS_MIN ? too_few(&mount) : answer(&mount, json, svg);
	advise_free(mount.advise);
	return r;
}
