#include "tools/sievectl/advise_sample.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* Attempts to fetch all of the sample before the daemon renumbers it. */
#define TRIES 8

/* The value of "NAME VALUE" among the lines; NULL: there is none. */
static const char *find_line(char *const *lines, const char *name)
{
	size_t length = strlen(name);

	for (; *lines; lines++)
		if (strncmp(*lines, name, length) == 0 && (*lines)[length] == ' ')
			return *lines + length + 1;
	return NULL;
}

static bool read_number(char *const *lines, const char *name, uint64_t most, uint64_t *number)
{
	const char *text = find_line(lines, name);
	guint64 read;

	if (!text || !g_ascii_string_to_unsigned(text, 10, 0, most, &read, NULL))
		return false;
	*number = read;
	return true;
}

static int read_description(char *const *lines, struct advise_mount *mount)
{
	struct sample_extent *extent = &mount->extent;
	const char *evict = find_line(lines, "evict");
	uint64_t generation, files, opens, tokens, shift, cut;
	bool sound = read_number(lines, "generation", UINT32_MAX, &generation) &&
		     read_number(lines, "files", SAMPLE_FILES, &files) &&
		     read_number(lines, "opens", UINT32_MAX, &opens) &&
		     read_number(lines, "tokens", SAMPLE_ROOM / 2, &tokens) &&
		     read_number(lines, "shift", SAMPLE_SHIFT_MAX, &shift) &&
		     read_number(lines, "is_cut", 1, &cut) &&
		     read_number(lines, "seen_opens", UINT64_MAX, &extent->seen.opens) &&
		     read_number(lines, "seen_bytes", UINT64_MAX, &extent->seen.bytes) &&
		     read_number(lines, "cache_size", UINT64_MAX, &mount->cache_size) &&
		     read_number(lines, "admit", UINT32_MAX, &mount->admit) &&
		     read_number(lines, "small_max", UINT64_MAX, &mount->small_max) &&
		     read_number(lines, "hits", UINT64_MAX, &mount->hits) &&
		     read_number(lines, "misses", UINT64_MAX, &mount->misses);

	mount->evict = evict ? evict_find(evict) : NULL;
	if (!sound || !mount->evict)
		return -EPROTO;
	extent->generation = (uint32_t)generation;
	extent->file_count = (uint32_t)files;
	extent->open_count = (uint32_t)opens;
	extent->token_count = (uint32_t)tokens;
	extent->shift = (unsigned)shift;
	extent->is_cut = cut;
	return 0;
}

static int describe(struct sievefs_mount *ctl, struct advise_mount *mount)
{
	const char *const request[] = {"sample", NULL};
	g_auto(GStrv) lines = NULL;
	char *reply = NULL;
	int r = sievefs_mount_request(ctl, request, &reply, NULL);

	if (r == 0) {
		lines = g_strsplit(reply, "\n", -1);
		r = read_description(lines, mount);
	}
	free(reply);
	return r;
}

/* Fetches up to count items of size bytes each, from number first on. Returns how many, or -errno; -EAGAIN:
 * the sample is of another generation now. */
static int64_t fetch_piece(struct sievefs_mount *ctl, const char *what, uint32_t generation, uint32_t first,
	char *into, uint32_t count, size_t size)
{
	g_autofree char *number = g_strdup_printf("%u", first);
	const char *const request[] = {"sample", what, number, NULL};
	char *reply = NULL, *end;
	size_t length = 0;
	int64_t r = sievefs_mount_request(ctl, request, &reply, &length);

	if (r == 0) {
		uint64_t now = strtoull(reply, &end, 10);
		size_t head = (size_t)(end - reply) + 1;

		r = *end != '\n' || (length - head) % size ? -EPROTO : now != generation ? -EAGAIN : 0;
		if (r == 0) {
			count = (uint32_t)MIN(count, (length - head) / size);
			memcpy(into, reply + head, count * size);
			r = count ? (int64_t)count : -EPROTO;
		}
	}
	free(reply);
	return r;
}

static int fetch_all(struct sievefs_mount *ctl, const char *what, uint32_t generation, void *into,
	uint32_t count, size_t size)
{
	for (uint32_t i = 0; i < count;) {
		int64_t n = fetch_piece(ctl, what, generation, i, (char *)into + i * size, count - i, size);

		if (n < 0)
			return (int)n;
		i += (uint32_t)n;
	}
	return 0;
}

static int fetch_sample(
	struct sievefs_mount *ctl, struct advise_mount *mount, uint64_t *files, uint16_t *tokens)
{
	const struct sample_extent *extent = &mount->extent;
	const struct advise_sample sample = {*extent, files, tokens};
	int r = fetch_all(ctl, "files", extent->generation, files, extent->file_count, sizeof(*files));

	if (r == 0)
		r = fetch_all(
			ctl, "tokens", extent->generation, tokens, extent->token_count, sizeof(*tokens));
	if (r == 0)
		r = advise_new(&mount->advise, &sample);
	return r == -EINVAL ? -EPROTO : r;
}

static int fetch(struct sievefs_mount *ctl, struct advise_mount *mount)
{
	int r = describe(ctl, mount);
	uint64_t *files = calloc((size_t)mount->extent.file_count + 1, sizeof(*files));
	uint16_t *tokens = calloc((size_t)mount->extent.token_count + 1, sizeof(*tokens));

	if (r == 0)
		r = files && tokens ? fetch_sample(ctl, mount, files, tokens) : -ENOMEM;
	free(files);
	free(tokens);
	return r;
}

int advise_fetch(struct sievefs_mount *ctl, struct advise_mount *mount)
{
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		*mount = (struct advise_mount){0};
		r = fetch(ctl, mount);
	}
	return r;
}
