#include "tools/sievectl/explain.h"

#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/control/json.h"
#include "tools/libsievefs/sievefs.h"
#include "tools/sievectl/file_json.h"
#include "tools/sievectl/walk.h"

/* --- sentences for words, which are those of sievefs(8), ATTRIBUTES ----------------------------- */

static const struct sentence {
	const char *word, *says;
} lane_sentences[] =
	{
		{"small", "at most small_max"},
		{"mid", "larger than small_max, and smaller than large_min"},
		{"large", "large_min or more"},
		{"random", "large, and was read out of order, as databases do"},
		{"rule", "a rule sets the lane"},
		{"pinned", "pinned with sievectl pin or pins="},
		{"bound", "it is open, and all opens meanwhile get the same lane"},
		{"no-passthrough", "the daemon serves all files of this mount"},
},
  cache_sentences[] = {
	  {"hit", "it is cached"},
	  {"too-large", "not cached: larger than small_max"},
	  {"rule", "not cached: a rule gives it another lane"},
	  {"off", "not cached: admit or cache_size is 0"},
	  {"seldom", "not cached yet: opened too seldom"},
	  {"next", "not cached yet: the next open caches it"},
	  {"evicted", "not cached any more: evicted for other files; the next open caches it again"},
	  {"filling", "being brought into the cache"},
	  {"over-budget", "not cached: larger than an eighth of cache_size"},
	  {"outgrown", "not cached again: it grew too large while it was cached"},
	  {"mounted-below", "not cached: on a file system mounted below SOURCE, so that it can be unmounted"},
	  {"written", "not cached: no copy is made while it is open for writing"},
	  {"bound", "not read from its copy until programs that opened it without have closed it"},
};

static const char *sentence_of(const struct sentence *sentences, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(sentences[i].word, word) == 0)
			return sentences[i].says;
	}
	return word; /* of a newer daemon */
}

#define SAY(sentences, word) sentence_of(sentences, G_N_ELEMENTS(sentences), word)

/* --- text --------------------------------------------------------------------------------------- */

static void print_lane(const struct sievefs_file *file)
{
	printf("  lane   %s: %s (%s)", file->lane, SAY(lane_sentences, file->why), file->why);
	if (g_str_equal(file->why, "mid") || g_str_equal(file->why, "large") ||
		g_str_equal(file->why, "random"))
		printf("; large_min=%" PRIu64, file->large_min);
	if (*file->section)
		printf("; section [%s] of the rules", file->section);
	putchar('\n');
}

static void print_cache(const struct sievefs_file *file)
{
	printf("  cache  %s (%s)", SAY(cache_sentences, file->cache), file->cache);
	if (g_str_equal(file->cache, "too-large"))
		printf("; small_max=%" PRIu64, file->small_max);
	if (g_str_equal(file->cache, "over-budget"))
		printf("; cache_size=%" PRIu64, file->cache_size);
	if (g_str_equal(file->cache, "seldom"))
		printf("; %u of %u opens", file->opens, file->wanted);
	if (file->flags & SIEVEFS_LEFT)
		printf("; evicted %u s ago%s%s", file->left_s, *file->left_for ? " for " : "",
			file->left_for);
	if (file->flags & SIEVEFS_CACHED)
		printf("; since %u s, %u opens", file->age_s, file->uses);
	putchar('\n');
}

static void print_bytes(const struct sievefs_file *file)
{
	printf("  bytes  %" PRIu64, file->size);
	if (file->flags & SIEVEFS_COUNTED)
		printf(", %" PRIu64 " of them in memory, %" PRIu64 " dirty, %" PRIu64 " in writeback",
			file->cached_bytes, file->dirty_bytes, file->writeback_bytes);
	if (file->flags & SIEVEFS_OPEN)
		printf("; it is open%s", file->flags & SIEVEFS_WRITTEN ? " for writing" : "");
	if (file->flags & (SIEVEFS_KEPT | SIEVEFS_PINNED))
		printf("; %s", file->flags & SIEVEFS_PINNED ? "pinned" : "kept by a rule");
	putchar('\n');
}

static void print_text(const char *path, const struct sievefs_file *file)
{
	printf("%s\n", path);
	print_lane(file);
	print_cache(file);
	print_bytes(file);
}

int explain_run(const char *const *files, const char *const *flags)
{
	g_autoptr(GString) out = g_string_new(NULL);
	bool json = *flags;
	int status = EXIT_SUCCESS;

	if (json)
		json_begin_array(out, NULL);
	for (; *files; files++) {
		struct sievefs_file file;
		int r = sievefs_state_at(AT_FDCWD, *files, &file);

		if (r < 0) {
			walk_complain(*files, r);
			status = EXIT_FAILURE;
		} else if (json) {
			file_json_append(out, *files, &file);
		} else {
			print_text(*files, &file);
		}
	}
	if (json) {
		json_end_array(out);
		puts(out->str);
	}
	return status;
}
