#include "tests/support/tree.h"
#include "tests/support/random.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_pointers(gconstpointer a, gconstpointer b)
{
	return compare_names(a, b);
}

void describe_xattrs(GString *text, const char *path)
{
	static char names[65536], value[65536];
	GPtrArray *sorted;
	ssize_t length = llistxattr(path, names, sizeof(names));

	if (length < 0) {
		g_string_append_printf(text, " xattrs:%s", strerrorname_np(errno));
		return;
	}
	sorted = g_ptr_array_new();
	for (char *name = names; name < names + length; name += strlen(name) + 1)
		g_ptr_array_add(sorted, name);
	g_ptr_array_sort(sorted, compare_pointers);
	for (guint i = 0; i < sorted->len; i++) {
		ssize_t got = lgetxattr(path, sorted->pdata[i], value, sizeof(value));

		g_string_append_printf(text, " %s=%zd:%016llx", (char *)sorted->pdata[i], got,
			(unsigned long long)hash_bytes(HASH_START, value, got < 0 ? 0 : (size_t)got));
	}
	g_ptr_array_free(sorted, TRUE);
}

static void describe_contents(GString *text, const char *path)
{
	static char buffer[1 << 20];
	uint64_t hash = HASH_START;
	unsigned long long total = 0;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		g_string_append_printf(text, " data:%s", strerrorname_np(errno));
		return;
	}
	while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
		hash = hash_bytes(hash, buffer, (size_t)got);
		total += (unsigned long long)got;
	}
	if (got < 0)
		g_string_append_printf(text, " read:%s", strerrorname_np(errno));
	close(fd);
	g_string_append_printf(text, " data:%llu:%016llx", total, (unsigned long long)hash);
}

static void describe_one(GString *text, const char *path, const char *shown, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t length;

	g_string_append_printf(text, "%s mode=%o uid=%u gid=%u", shown, st->st_mode, st->st_uid, st->st_gid);
	g_string_append_printf(
		text, " nlink=%lu rdev=%lx", (unsigned long)st->st_nlink, (unsigned long)st->st_rdev);
	if (!S_ISDIR(st->st_mode))
		g_string_append_printf(text, " size=%lld", (long long)st->st_size);
	if (S_ISLNK(st->st_mode)) {
		length = readlink(path, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = 0;
		g_string_append_printf(text, " -> %s", target);
	}
	if (S_ISREG(st->st_mode))
		describe_contents(text, path);
	describe_xattrs(text, path);
	g_string_append_c(text, '\n');
}

static void describe(GString *text, const char *root, const char *below)
{
	char path[PATH_MAX], child[PATH_MAX];
	struct dirent **entries;
	struct stat st;
	int count;

	snprintf(path, sizeof(path), "%.2000s/%.2000s", root, below);
	if (lstat(path, &st)) {
		g_string_append_printf(text, "%s %s\n", below, strerrorname_np(errno));
		return;
	}
	describe_one(text, path, below, &st);
	if (!S_ISDIR(st.st_mode))
		return;
	count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		g_string_append_printf(text, "%s scandir %s\n", below, strerrorname_np(errno));
	for (int i = 0; i < count; i++) {
		if (strcmp(entries[i]->d_name, ".") && strcmp(entries[i]->d_name, "..")) {
			snprintf(child, sizeof(child), "%.2000s/%s", below, entries[i]->d_name);
			describe(text, root, child);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

GString *tree_describe(const char *path)
{
	GString *text = g_string_new(NULL);

	describe(text, path, ".");
	return text;
}

/* The start of the line `count` lines before `at`. */
static const char *lines_before(const char *text, const char *at, unsigned count)
{
	while (at > text && (count || at[-1] != '\n')) {
		at--;
		if (*at == '\n' && at > text && at[-1] != '\n')
			count -= count > 0;
	}
	return at;
}

char *text_difference(const char *a, const char *b, const char *name_a, const char *name_b)
{
	const char *start = a, *before;
	unsigned line = 1;
	size_t length_a, length_b;

	while (*a || *b) {
		length_a = strcspn(a, "\n");
		length_b = strcspn(b, "\n");
		if (length_a != length_b || memcmp(a, b, length_a)) {
			before = lines_before(start, a, 4);
			return g_strdup_printf("line %u, after\n%.*s  %s: %.*s\n  %s: %.*s", line,
				(int)(a - before), before, name_a, (int)length_a, a, name_b, (int)length_b,
				b);
		}
		a += length_a + (a[length_a] == '\n');
		b += length_b + (b[length_b] == '\n');
		line++;
	}
	return NULL;
}
