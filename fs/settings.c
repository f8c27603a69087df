#include "fs/settings.h"

#include <errno.h>
#include <string.h>

#include "backends/backend.h"
#include "cache/base/lock_order.h"
#include "cache/base/log.h"
#include "cache/trail/trail.h"
#include "fs/advice.h"
#include "fs/control/json.h"
#include "fs/copy.h"
#include "fs/flush.h"
#include "fs/large.h"
#include "fs/options/option_value.h"
#include "fs/options/options_change.h"
#include "fs/server.h"

static void make_live(struct server *server)
{
	const struct options *o = &server->options;
	struct live_options *live = &server->live;

	live->cache_size = o->cache_size;
	live->large_keep = o->large_keep;
	live->settle_ms = o->settle_ms;
	live->revalidate_ms = o->revalidate_ms;
	live->attr_timeout_s = o->attr_timeout_s;
	live->entry_timeout_s = o->entry_timeout_s;
	live->negative_timeout_s = o->negative_timeout_s;
	live->write = o->write;
	live->admit = o->admit;
	live->small_max = o->small_max;
	live->large_min = o->large_min;
}

void settings_init(struct server *server)
{
	pthread_mutex_init(&server->settings_lock, NULL);
	server->cache_size_at_mount = server->options.cache_size;
	make_live(server);
}

void settings_read(struct server *server, struct options *options)
{
	lock_take(&server->settings_lock, LOCK_SETTINGS);
	*options = server->options;
	lock_drop(&server->settings_lock, LOCK_SETTINGS);
}

/* --- get -------------------------------------------------------------------------------------- */

static void print_option(const struct option_row *row, const struct options *options, bool json, GString *out)
{
	g_autoptr(GString) value = g_string_new(NULL);

	option_format(row, options, value);
	if (json) {
		json_string(out, row->name, value->str);
		return;
	}
	g_string_append_printf(out, "%s=", row->name);
	value_append_escaped(out, value->str);
	g_string_append_c(out, '\n');
}

static bool has_value(const struct option_row *row, const struct options *options)
{
	g_autoptr(GString) value = g_string_new(NULL);

	option_format(row, options, value);
	return value->len > 0;
}

static void print_all(const struct options *options, bool json, GString *out)
{
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++) {
		if (has_value(&table->rows[i], options))
			print_option(&table->rows[i], options, json, out);
	}
}

int settings_get(void *context, int argc, char *const *argv, GString *reply)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct options options;
	bool json = false;
	int names = 0;

	settings_read(context, &options);
	for (int i = 1; i < argc; i++)
		json = json || strcmp(argv[i], "--json") == 0;
	if (json)
		json_begin_object(out, NULL);
	for (int i = 1; i < argc; i++) {
		const struct option_row *row = option_find(options_table(), argv[i]);

		if (strcmp(argv[i], "--json") == 0)
			continue;
		if (!row) {
			g_string_append_printf(
				reply, "get %s: unknown option, sievefs -h lists them", argv[i]);
			return -EINVAL;
		}
		print_option(row, &options, json, out);
		names++;
	}
	if (names == 0)
		print_all(&options, json, out);
	if (json) {
		json_end_object(out);
		g_string_append_c(out, '\n');
	}
	g_string_append(reply, out->str);
	return 0;
}

/* --- set -------------------------------------------------------------------------------------- */

static void apply(struct server *server)
{
	const struct options *o = &server->options;
	const struct pressure_limits limits = {
		.floor = o->memory_floor,
		.cache_min = o->cache_min,
		.cache_size = o->cache_size,
	};

	make_live(server);
	copy_forget_answers(server);
	log_set_level(o->log);
	cache_set_admit(server->cache, o->admit);
	advice_follow_small_max(server);
	large_follow_size(server);
	trail_set_window(server->trail, o->stream_window);
	backend_set_readahead(server->backend, o->direct_readahead, o->direct_depth);
	backend_set_streams(server->backend, o->stream_after, o->stream_gap);
	flush_follow_options(server);
	cache_set_budget(server->cache, memory_floor_set_limits(&server->memory_floor, &limits));
}

static int read_words(const struct server *server, char *const *words, struct options *asked, char **error)
{
	/* UINT64_MAX: not known; the parser takes 0 for that */
	uint64_t memory = server->options.memory == UINT64_MAX ? 0 : server->options.memory;
	int r = 0;

	for (; r == 0 && *words; words++)
		r = options_read_list(asked, *words, memory, error);
	if (r == 0 && asked->generic->len > 0) {
		*error = g_strdup_printf("%s: not an option of the daemon; mount -o remount may change it",
			asked->generic->str);
		r = -EINVAL;
	}
	if (r == 0 && !asked->given) {
		*error = g_strdup("takes OPT=VALUE, one or more");
		r = -EINVAL;
	}
	return r;
}

/* (locked) Copies are stored in a file system of fixed size. */
static int check_store(const struct server *server, const struct options *asked, char **error)
{
	g_autoptr(GString) most = NULL;

	if (server->pins || asked->cache_size <= server->cache_size_at_mount)
		return 0;
	most = g_string_new(NULL);
	value_format_size(most, server->cache_size_at_mount);
	*error = g_strdup_printf(
		"cache_size: a mount that copies files takes at most what it started with, %s", most->str);
	return -EINVAL;
}

/* (locked) The thresholds need threads and, over io_uring, room for waiting requests: these exist from the
 * start of the mount, or not at all. */
static int check_thresholds(const struct server *server, const struct options *asked, char **error)
{
	static const char *const names[] = {
		"dirty_expire", "dirty_writeback", "dirty_background", "dirty_max"};
	const struct options *now = &server->options;

	for (size_t i = 0; !server->flusher && i < G_N_ELEMENTS(names); i++) {
		if (!options_is_changed(names[i], asked, now))
			continue;
		*error = g_strdup_printf("%s: can be changed only if the mount started with dirty_expire, "
					 "dirty_background or dirty_max",
			names[i]);
		return -EINVAL;
	}
	if (!server->throttle && options_is_changed("dirty_max", asked, now)) {
		*error = g_strdup("dirty_max: can be changed only if the mount started with dirty_max");
		return -EINVAL;
	}
	return 0;
}

static int change(struct server *server, const struct options *asked, char **error)
{
	g_autofree char *list = NULL;
	int r;

	lock_take(&server->settings_lock, LOCK_SETTINGS);
	list = options_list_changed(asked, &server->options, asked);
	r = check_store(server, asked, error);
	if (r == 0)
		r = check_thresholds(server, asked, error);
	if (r == 0)
		r = options_change(&server->options, asked, error);
	if (r == 0)
		apply(server);
	lock_drop(&server->settings_lock, LOCK_SETTINGS);
	if (r == 0 && *list)
		log_info("%s: set %s", server->options.mountpoint, list);
	return r;
}

int settings_set(void *context, int argc, char *const *argv, GString *reply)
{
	struct server *server = context;
	g_autofree char *error = NULL;
	struct options asked;
	int r;

	(void)argc;
	options_init(&asked);
	r = read_words(server, argv + 1, &asked, &error);
	if (r == 0)
		r = change(server, &asked, &error);
	if (r < 0)
		g_string_append_printf(reply, "set: %s", error);
	options_deinit(&asked);
	return r;
}
