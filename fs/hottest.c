#include "fs/hottest.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "cache/object.h"
#include "fs/server.h"

#define COUNT_MAX 256
#define LOOKED_AT_MAX 20000 /* inodes after which a request starts no further part: some milliseconds */

struct hot {
	char *path;
	uint64_t opens, bytes;
};

struct search {
	struct server *server;
	struct hot *found; /* most opens first */
	unsigned count, most;
	unsigned looked_at;
};

static bool read_object(struct search *search, struct inode *inode, struct hot *hot)
{
	bool has = false;

	tree_lock_inode(search->server->tree, inode);
	if (inode->object) {
		hot->opens = inode->object->uses;
		hot->bytes = inode->object->entry.size;
		has = true;
	}
	tree_unlock_inode(search->server->tree, inode);
	return has;
}

/* Removes the last file of a full list, which has the fewest opens. */
static void insert(struct search *search, const struct hot *hot)
{
	unsigned at;

	if (search->count == search->most)
		g_free(search->found[--search->count].path);
	for (at = search->count++; at > 0 && search->found[at - 1].opens < hot->opens; at--)
		search->found[at] = search->found[at - 1];
	search->found[at] = *hot;
}

/* Finds the path only if the file is among the hottest so far. */
static void look_at(struct inode *inode, void *context)
{
	struct search *search = context;
	struct server *server = search->server;
	char path[PATH_MAX];
	struct hot hot;

	search->looked_at++;
	if (!read_object(search, inode, &hot) || hot.opens == 0)
		return;
	if (search->count == search->most && hot.opens <= search->found[search->count - 1].opens)
		return;
	if (!tree_path(server->tree, server->options.source, inode, path))
		return;
	hot.path = g_strdup(path);
	insert(search, &hot);
}

static void print(const struct search *search, unsigned next, GString *reply)
{
	if (next < TREE_SLICES)
		g_string_append_printf(reply, "%u\n", next);
	else
		g_string_append(reply, "end\n");
	for (unsigned i = 0; i < search->count; i++) {
		const struct hot *hot = &search->found[i];
		g_autofree char *escaped = g_strescape(hot->path, NULL);

		g_string_append_printf(reply, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %s\n", hot->opens,
			hot->bytes, escaped);
	}
}

static bool parse(const char *word, unsigned long most, unsigned long *value)
{
	char *end;

	*value = strtoul(word, &end, 10);
	return g_ascii_isdigit(*word) && *end == '\0' && *value <= most;
}

int hottest_answer(void *context, int argc, char *const *argv, GString *reply)
{
	struct search search = {.server = context};
	unsigned long part, count;

	if (argc != 3 || !parse(argv[1], TREE_SLICES - 1, &part) || !parse(argv[2], COUNT_MAX, &count) ||
		count == 0) {
		g_string_append_printf(reply,
			"hottest: takes the number of a part, 0 to %d, and how many files, 1 to %d",
			TREE_SLICES - 1, COUNT_MAX);
		return -EINVAL;
	}
	search.most = (unsigned)count;
	search.found = g_new(struct hot, count);
	while (part < TREE_SLICES && search.looked_at < LOOKED_AT_MAX)
		tree_each_slice(search.server->tree, (unsigned)part++, look_at, &search);
	print(&search, (unsigned)part, reply);
	for (unsigned i = 0; i < search.count; i++)
		g_free(search.found[i].path);
	g_free(search.found);
	return 0;
}
