#include "tools/sievectl/ls.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/control/json.h"
#include "tools/sievectl/file_json.h"

struct cached {
	char *path; /* from the mount's root */
	struct sievefs_file file;
};

struct listing {
	GArray *files; /* of struct cached */
	uint64_t nameless;
};

static void clear_cached(void *cached)
{
	g_free(((struct cached *)cached)->path);
}

/* A file that has left the cache since is no error. */
static void look_at(struct sievefs_mount *mount, struct listing *listing, const char *escaped)
{
	struct cached cached = {.path = g_strcompress(escaped)};
	g_autofree char *path = g_strconcat(sievefs_mount_root(mount), cached.path, NULL);

	if (sievefs_state_at(AT_FDCWD, path, &cached.file) == 0 && cached.file.flags & SIEVEFS_CACHED)
		g_array_append_val(listing->files, cached);
	else
		g_free(cached.path);
}

/* The reply about a part of the cache: how many files have no known name, then the paths of the others. */
static int read_part(struct sievefs_mount *mount, struct listing *listing, const char *part, bool *is_last)
{
	const char *const request[] = {"ls", part, NULL};
	g_auto(GStrv) lines = NULL;
	char *reply = NULL;
	uint64_t nameless;
	unsigned parts;
	int r = sievefs_mount_request(mount, request, &reply, NULL);

	if (r < 0)
		return r;
	lines = g_strsplit(reply, "\n", -1);
	free(reply);
	if (!lines[0] || sscanf(lines[0], "%u %" SCNu64, &parts, &nameless) != 2)
		return -EPROTO;
	*is_last = strtoul(part, NULL, 10) + 1 >= parts;
	listing->nameless += nameless;
	for (char **line = lines + 1; *line; line++) {
		if (**line)
			look_at(mount, listing, *line);
	}
	return 0;
}

static int compare(gconstpointer a, gconstpointer b)
{
	const struct cached *left = a, *right = b;

	if (left->file.uses != right->file.uses)
		return left->file.uses < right->file.uses ? 1 : -1;
	return strcmp(left->path, right->path);
}

static void print_text(const struct listing *listing)
{
	printf("%12s %-12s %8s %8s %10s flags  path\n", "bytes", "lane", "opens", "age_s", "dirty");
	for (guint i = 0; i < listing->files->len; i++) {
		const struct cached *cached = &g_array_index(listing->files, struct cached, i);
		const struct sievefs_file *file = &cached->file;
		g_autofree char *path = g_strescape(cached->path, NULL);

		printf("%12" PRIu64 " %-12s %8u %8u %10" PRIu64 " %c%c%c%c   %s\n", file->size, file->lane,
			file->uses, file->age_s, file->dirty_bytes + file->writeback_bytes,
			file->flags & SIEVEFS_PINNED ? 'p' : '-', file->flags & SIEVEFS_KEPT ? 'k' : '-',
			file->flags & SIEVEFS_OPEN ? 'o' : '-', file->flags & SIEVEFS_WRITTEN ? 'w' : '-',
			path);
	}
	if (listing->nameless)
		printf("and %" PRIu64 " files whose names the kernel has forgotten\n", listing->nameless);
}

static void print_json(const struct listing *listing)
{
	g_autoptr(GString) out = g_string_new(NULL);

	json_begin_object(out, NULL);
	json_begin_array(out, "files");
	for (guint i = 0; i < listing->files->len; i++) {
		const struct cached *cached = &g_array_index(listing->files, struct cached, i);

		file_json_append(out, cached->path, &cached->file);
	}
	json_end_array(out);
	json_uint(out, "nameless", listing->nameless);
	json_end_object(out);
	puts(out->str);
}

int ls_run(struct sievefs_mount *mount, const char *const *request)
{
	struct listing listing = {.files = g_array_new(FALSE, FALSE, sizeof(struct cached))};
	bool is_last = false;
	int r = 0;

	g_array_set_clear_func(listing.files, clear_cached);
	for (unsigned part = 0; r == 0 && !is_last; part++) {
		g_autofree char *word = g_strdup_printf("%u", part);

		r = read_part(mount, &listing, word, &is_last);
	}
	g_array_sort(listing.files, compare);
	if (r == 0)
		(request[1] ? print_json : print_text)(&listing);
	g_array_free(listing.files, TRUE);
	return r;
}
