#include "fs/memory.h"

#include "fs/option_value.h"

#include <stdio.h>
#include <string.h>

/* The files of one cgroup hierarchy that knows memory limits. */
struct hierarchy {
	const char *mount;
	const char *limit_file;
};

static const struct hierarchy cgroup_v1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"};
static const struct hierarchy cgroup_v2 = {"/sys/fs/cgroup", "memory.max"};

static uint64_t machine_memory(const char *root)
{
	g_autofree char *path = g_strconcat(root, "/proc/meminfo", NULL);
	g_autofree char *text = NULL;
	const char *line;
	uint64_t kib;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	line = strstr(text, "MemTotal:");
	if (!line || sscanf(line, "MemTotal: %" SCNu64 " kB", &kib) != 1)
		return 0;
	return kib * 1024;
}

/* "max" and missing files are no limit. */
static uint64_t read_limit(const char *root, const struct hierarchy *tree, const char *group)
{
	g_autofree char *path = g_strconcat(root, tree->mount, group, "/", tree->limit_file, NULL);
	g_autofree char *text = NULL;
	uint64_t limit;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return UINT64_MAX;
	return value_parse_uint(g_strchomp(text), &limit) == 0 ? limit : UINT64_MAX;
}

/* A limit holds for all groups below it, so that the group and each of its ancestors count. */
static uint64_t tree_limit(const char *root, const struct hierarchy *tree, const char *group)
{
	g_autofree char *path = g_strdup(group);
	uint64_t least = UINT64_MAX;

	for (;;) {
		char *slash = strrchr(path, '/');

		least = MIN(least, read_limit(root, tree, path));
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* Lines of /proc/self/cgroup: "4:memory:/group" (v1, several controllers may share a line) and "0::/group"
 * (v2). */
static uint64_t cgroup_limit(const char *root)
{
	g_autofree char *path = g_strconcat(root, "/proc/self/cgroup", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	uint64_t least = UINT64_MAX;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return UINT64_MAX;
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) field = g_strsplit(*line, ":", 3);
		g_auto(GStrv) controllers = NULL;

		if (g_strv_length(field) != 3)
			continue;
		controllers = g_strsplit(field[1], ",", -1);
		if (field[1][0] == '\0')
			least = MIN(least, tree_limit(root, &cgroup_v2, field[2]));
		else if (g_strv_contains((const char *const *)controllers, "memory"))
			least = MIN(least, tree_limit(root, &cgroup_v1, field[2]));
	}
	return least;
}

uint64_t memory_total(const char *root)
{
	return MIN(machine_memory(root), cgroup_limit(root));
}
