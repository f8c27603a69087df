#include "fs/pin_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "cache/base/log.h"
#include "fs/cached.h"
#include "fs/copy.h"
#include "fs/fill.h"
#include "fs/pinned.h"
#include "fs/server.h"

/* --- the list ---------------------------------------------------------------------------------- */

static void set_bit(struct server *server, struct inode *inode, bool pinned)
{
	tree_lock_inode(server->tree, inode);
	inode_set_mark(inode, INODE_PINNED, pinned);
	tree_unlock_inode(server->tree, inode);
}

/* Takes over path. */
static void enter(struct server *server, struct inode *inode, char *path)
{
	struct pin_list *list = &server->pin_list;
	bool is_new;

	lock_take(&list->lock, LOCK_PIN_LIST);
	is_new = !g_hash_table_contains(list->paths, inode);
	g_hash_table_replace(list->paths, inode, path);
	list->changed = true;
	lock_drop(&list->lock, LOCK_PIN_LIST);
	set_bit(server, inode, true);
	if (is_new)
		tree_hold(server->tree, inode);
}

/* Returns the path, which the caller frees; NULL: the inode was not in the list. */
static char *take_out(struct server *server, struct inode *inode)
{
	struct pin_list *list = &server->pin_list;
	gpointer path = NULL;

	lock_take(&list->lock, LOCK_PIN_LIST);
	if (g_hash_table_steal_extended(list->paths, inode, NULL, &path))
		list->changed = true;
	lock_drop(&list->lock, LOCK_PIN_LIST);
	if (!path)
		return NULL;
	set_bit(server, inode, false);
	tree_put(server->tree, inode, 1);
	return path;
}

static char *path_of(struct server *server, struct inode *inode)
{
	char path[PATH_MAX];

	return tree_path(server->tree, server->options.source, inode, path) ? g_strdup(path) : NULL;
}

int pin_list_add(struct server *server, struct inode *inode)
{
	struct statx stx;
	int r = tree_statx(server->tree, inode, &stx);
	char *path;

	if (r < 0)
		return r;
	if (stx.stx_size > server->live.cache_size / EVICT_LARGEST_PART)
		return -EFBIG;
	path = path_of(server, inode);
	if (!path)
		return -ENOENT;
	enter(server, inode, path);
	return fill_unasked(server, inode);
}

int pin_list_remove(struct server *server, struct inode *inode)
{
	char *path = take_out(server, inode);

	if (!path)
		return -ENOENT;
	g_free(path);
	return fill_reconsider(server, inode);
}

void pin_list_left(struct server *server, const struct tree_leaving *leaving, struct inode *new_dir,
	const char *new_name)
{
	struct inode *heir;
	struct statx stx;
	char *path;

	if (!leaving->inode || !inode_is(leaving->inode, INODE_PINNED) || (!leaving->last && !new_name))
		return;
	path = take_out(server, leaving->inode);
	if (path && new_name && tree_lookup(server->tree, new_dir, new_name, &heir, &stx) == 0) {
		if (heir->type == DT_REG) {
			enter(server, heir, path);
			path = NULL;
			fill_unasked(server, heir);
		}
		tree_put(server->tree, heir, 1);
	}
	g_free(path);
}

void pin_list_renamed(struct server *server)
{
	struct pin_list *list = &server->pin_list;

	lock_take(&list->lock, LOCK_PIN_LIST);
	list->changed |= g_hash_table_size(list->paths) > 0;
	lock_drop(&list->lock, LOCK_PIN_LIST);
}

/* --- the option's file -------------------------------------------------------------------------- */

/* Bytes beyond ASCII, which are not escaped. */
static const char *beyond_ascii(void)
{
	static char bytes[129];

	for (unsigned i = 0; i < 128; i++)
		bytes[i] = (char)(0x80 + i);
	return bytes;
}

int pin_list_start(struct server *server)
{
	struct pin_list *list = &server->pin_list;
	const char *file = server->options.pins;
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) lines = NULL;

	pthread_mutex_init(&list->lock, NULL);
	list->paths = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	list->waiting = g_ptr_array_new_with_free_func(g_free);
	list->written = g_string_new(NULL);
	if (!file)
		return 0;
	if (!g_file_get_contents(file, &text, NULL, &error)) {
		if (error->code == G_FILE_ERROR_NOENT)
			return 0; /* it is created with the first pin */
		log_error("pins=%s: %s", file, error->message);
		return -EIO;
	}
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		if (**line)
			g_ptr_array_add(list->waiting, g_strcompress(*line));
	}
	return 0;
}

/* From the root on, one name at a time; links are not followed. */
static int look_up(struct server *server, const char *path, struct inode **ret)
{
	g_auto(GStrv) names = g_strsplit(path, "/", -1);
	struct inode *inode = tree_hold(server->tree, tree_root(server->tree));
	struct statx stx;
	int r = 0;

	for (char **name = names; *name && r == 0; name++) {
		struct inode *below = NULL;

		if (!**name)
			continue;
		if (strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
			r = -EINVAL;
		else
			r = tree_lookup(server->tree, inode, *name, &below, &stx);
		tree_put(server->tree, inode, 1);
		inode = below;
	}
	*ret = inode;
	return r;
}

static int pin_path(struct server *server, const char *path)
{
	struct inode *inode;
	int r = look_up(server, path, &inode);

	if (r < 0)
		return r;
	r = inode->type == DT_REG ? pin_list_add(server, inode) : -EINVAL;
	tree_put(server->tree, inode, 1);
	return r;
}

void pin_list_look_up(struct server *server)
{
	struct pin_list *list = &server->pin_list;
	GPtrArray *paths, *missing = g_ptr_array_new_with_free_func(g_free);

	lock_take(&list->lock, LOCK_PIN_LIST);
	paths = list->waiting;
	list->waiting = missing;
	lock_drop(&list->lock, LOCK_PIN_LIST);
	for (guint i = 0; i < paths->len; i++) {
		char *path = paths->pdata[i];
		int r = pin_path(server, path);

		if (r == 0)
			continue;
		log_warning("pins=%s: %s: not pinned: %s", server->options.pins, path,
			r == -EFBIG ? "it is larger than an eighth of cache_size" : g_strerror(-r));
		lock_take(&list->lock, LOCK_PIN_LIST);
		g_ptr_array_add(missing, g_strdup(path));
		lock_drop(&list->lock, LOCK_PIN_LIST);
	}
	g_ptr_array_free(paths, TRUE);
}

static void append_line(GString *text, const char *path)
{
	g_autofree char *line = g_strescape(path, beyond_ascii());

	g_string_append_printf(text, "%s\n", line);
}

/* The file's new contents, with the paths that the pinned files have now. */
static GString *compose(struct server *server)
{
	struct pin_list *list = &server->pin_list;
	GString *text = g_string_new(NULL);
	GHashTableIter iter;
	gpointer inode, path;

	lock_take(&list->lock, LOCK_PIN_LIST);
	list->changed = false;
	g_hash_table_iter_init(&iter, list->paths);
	while (g_hash_table_iter_next(&iter, &inode, &path)) {
		g_autofree char *now = path_of(server, inode);

		append_line(text, now ? now : path);
	}
	for (guint i = 0; i < list->waiting->len; i++)
		append_line(text, list->waiting->pdata[i]);
	lock_drop(&list->lock, LOCK_PIN_LIST);
	return text;
}

static bool write_file(struct pin_list *list, const char *file, const GString *text)
{
	g_autoptr(GError) error = NULL;
	bool ok = g_file_set_contents_full(file, text->str, (gssize)text->len,
		G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644, &error);

	if (!ok && !list->failing)
		log_error("pins=%s: cannot write the list of pinned files: %s; it is tried again", file,
			error->message);
	list->failing = !ok;
	return ok;
}

void pin_list_save(struct server *server)
{
	struct pin_list *list = &server->pin_list;
	GString *text;

	if (!list->changed || !server->options.pins)
		return;
	text = compose(server);
	if (g_string_equal(text, list->written)) {
		/* no change, as after the rename of another file */
	} else if (write_file(list, server->options.pins, text)) {
		g_string_assign(list->written, text->str);
	} else {
		list->changed = true;
	}
	g_string_free(text, TRUE);
}

void pin_list_stop(struct server *server)
{
	struct pin_list *list = &server->pin_list;
	GHashTableIter iter;
	gpointer inode;

	if (!list->paths)
		return;
	pin_list_save(server);
	g_hash_table_iter_init(&iter, list->paths);
	while (g_hash_table_iter_next(&iter, &inode, NULL))
		tree_put(server->tree, inode, 1);
	g_hash_table_destroy(list->paths);
	g_ptr_array_free(list->waiting, TRUE);
	g_string_free(list->written, TRUE);
	list->paths = NULL;
}
