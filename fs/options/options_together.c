#include "fs/options/options_together.h"

#include <errno.h>

#include "cache/policy/evict.h"
#include "fs/options/options.h"

#define MIB (1ull << 20)

/* --- contradictions --------------------------------------------------------------------------- */

static void append_conflict(const struct options *options, const char *name, GString *line)
{
	g_string_append_printf(line, "%s=", name);
	option_format(option_find(options_table(), name), options, line);
}

static int refuse_pair(
	const struct options *options, const char *a, const char *b, const char *why, char **error)
{
	GString *line = g_string_new(NULL);

	append_conflict(options, a, line);
	g_string_append_printf(line, " and ");
	append_conflict(options, b, line);
	g_string_append_printf(line, ": %s", why);
	*error = g_string_free(line, FALSE);
	return -EINVAL;
}

bool options_have_thresholds(const struct options *options)
{
	return options->dirty_expire_ms != OPTION_WORD || options->dirty_background != OPTION_WORD ||
	       options->dirty_max != OPTION_WORD;
}

int options_check_together(const struct options *options, char **error)
{
	if (options->small_max > options->large_min)
		return refuse_pair(options, "small_max", "large_min",
			"small_max takes at most large_min, or a file would be both small and large", error);
	if (options->cache_size / EVICT_LARGEST_PART < options->small_max)
		return refuse_pair(options, "small_max", "cache_size",
			"small_max takes at most an eighth of cache_size, since no file may take more of it",
			error);
	if (options->cache_min > options->cache_size)
		return refuse_pair(
			options, "cache_min", "cache_size", "cache_min takes at most cache_size", error);
	if (options->direct_readahead > options->direct_memory)
		return refuse_pair(options, "direct_readahead", "direct_memory",
			"direct_readahead takes at most direct_memory", error);
	if (options->dirty_writeback_ms != OPTION_WORD && !options_have_thresholds(options)) {
		*error = g_strdup(
			"dirty_writeback: takes dirty_expire, dirty_background or dirty_max as well, "
			"since it times their checks");
		return -EINVAL;
	}
	if (options->dirty_background != OPTION_WORD && options->dirty_background > options->dirty_max)
		return refuse_pair(options, "dirty_background", "dirty_max",
			"dirty_background takes at most dirty_max, or writers would wait before writeback "
			"starts",
			error);
	if (options->locks == LOCKS_SHARED && options->coherence == COHERENCE_EXCLUSIVE)
		return refuse_pair(options, "locks", "coherence",
			"locks=shared takes coherence=open: exclusive says that only the mount uses SOURCE",
			error);
	return 0;
}

/* --- defaults --------------------------------------------------------------------------------- */

static bool is_given(const struct options *options, const struct option_row *row)
{
	return options->given & 1ull << (row - options_table()->rows);
}

static bool is_name_given(const struct options *options, const char *name)
{
	return is_given(options, option_find(options_table(), name));
}

/* Only the mount changes SOURCE: the kernel may cache without a limit, except for timeouts that were
 * given. */
static void lengthen_timeouts(struct options *options)
{
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];

		if (row->type == OPTION_SECONDS && !is_given(options, row))
			*(double *)((char *)options + row->offset) = OPTIONS_FOREVER_S;
	}
}

void options_fit_defaults(struct options *options)
{
	uint64_t largest = options->cache_size / EVICT_LARGEST_PART;

	if (options->coherence == COHERENCE_EXCLUSIVE)
		lengthen_timeouts(options);
	if (!is_name_given(options, "direct_memory"))
		options->direct_memory = CLAMP(options->memory / 8, MIB, options->direct_memory);
	if (options->small_max > largest && !is_name_given(options, "small_max"))
		options->small_max = largest;
	if (options->direct_readahead > options->direct_memory && !is_name_given(options, "direct_readahead"))
		options->direct_readahead = options->direct_memory;
	if (options->coherence == COHERENCE_EXCLUSIVE && !is_name_given(options, "locks"))
		options->locks = LOCKS_LOCAL;
}
