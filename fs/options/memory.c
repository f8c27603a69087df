#include "fs/options/memory.h"

#include "fs/options/option_value.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A cgroup hierarchy with memory limits: its files, and the keys of the page cache in memory.stat. */
struct hierarchy {
	const char *mount;
	const char *limit_files[2]; /* the smallest applies; a group above memory.high is slowed down */
	const char *usage_file;
	const char *cache_keys[2];
};

static const struct hierarchy cgroup_v1 = {"/sys/fs/cgroup/memory", {"memory.limit_in_bytes"},
	"memory.usage_in_bytes", {"total_inactive_file", "total_active_file"}};
static const struct hierarchy cgroup_v2 = {
	"/sys/fs/cgroup", {"memory.max", "memory.high"}, "memory.current", {"inactive_file", "active_file"}};
/* Where systemd mounts v2 beside v1. v2 has the memory controller if v1 was denied it
 * (cgroup_no_v1=memory). */
static const struct hierarchy cgroup_v2_beside_v1 = {"/sys/fs/cgroup/unified", {"memory.max", "memory.high"},
	"memory.current", {"inactive_file", "active_file"}};

/* A function, since MIN() evaluates the lesser argument twice, and here that reads files. */
static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Reads a bound of the group whose files are in @folder; UINT64_MAX: the group has none. */
typedef uint64_t group_bound(const struct hierarchy *tree, const char *folder, uint64_t machine);

static char *read_file(const char *folder, const char *name)
{
	g_autofree char *path = g_strconcat(folder, "/", name, NULL);
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* Finds the number that follows @key at the start of a line of @text. */
static bool find_number(const char *text, const char *key, uint64_t *number)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && strchr(" :", line[length]))
			return sscanf(line + length, "%*[: ]%" SCNu64, number) == 1;
	}
	return false;
}

/* UINT64_MAX if meminfo can't be read or lacks the key. */
static uint64_t meminfo_bytes(const char *meminfo, const char *key)
{
	uint64_t kib;

	return meminfo && find_number(meminfo, key, &kib) ? kib * 1024 : UINT64_MAX;
}

/* "max" and missing files are UINT64_MAX. */
static uint64_t read_bytes(const char *folder, const char *name)
{
	g_autofree char *text = read_file(folder, name);
	uint64_t bytes;

	return text && value_parse_uint(g_strchomp(text), &bytes) == 0 ? bytes : UINT64_MAX;
}

static uint64_t group_limit(const struct hierarchy *tree, const char *folder, uint64_t machine)
{
	uint64_t least = UINT64_MAX;

	(void)machine;
	for (size_t i = 0; i < G_N_ELEMENTS(tree->limit_files) && tree->limit_files[i]; i++)
		least = lesser(least, read_bytes(folder, tree->limit_files[i]));
	return least;
}

static uint64_t group_page_cache(const struct hierarchy *tree, const char *folder)
{
	g_autofree char *stat = read_file(folder, "memory.stat");
	uint64_t cache = 0, part;

	for (size_t i = 0; stat && i < G_N_ELEMENTS(tree->cache_keys); i++) {
		if (find_number(stat, tree->cache_keys[i], &part))
			cache += part;
	}
	return cache;
}

static uint64_t group_available(const struct hierarchy *tree, const char *folder, uint64_t machine)
{
	uint64_t limit = group_limit(tree, folder, machine);
	uint64_t usage, used;

	if (limit >= machine)
		return UINT64_MAX;
	usage = read_bytes(folder, tree->usage_file);
	if (usage == UINT64_MAX)
		return UINT64_MAX;
	used = usage - lesser(usage, group_page_cache(tree, folder));
	return limit - MIN(limit, used);
}

/* The least bound of the group and its ancestors, since a limit applies to all groups below. */
static uint64_t tree_bound(const char *root, const struct hierarchy *tree, const char *group,
	group_bound *bound, uint64_t machine)
{
	g_autofree char *path = g_strdup(strcmp(group, "/") == 0 ? "" : group);
	uint64_t least = UINT64_MAX;

	for (;;) {
		g_autofree char *folder = g_strconcat(root, tree->mount, path, NULL);
		char *slash = strrchr(path, '/');

		least = lesser(least, bound(tree, folder, machine));
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* process: "self" or a number. Lines of /proc/self/cgroup: "4:memory:/group" (v1, several controllers may
 * share a line) and "0::/group" (v2). */
static uint64_t cgroup_bound(const char *root, const char *process, group_bound *bound, uint64_t machine)
{
	g_autofree char *file = g_strconcat("proc/", process, "/cgroup", NULL);
	g_autofree char *text = read_file(root, file);
	g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
	uint64_t least = UINT64_MAX;

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) field = g_strsplit(*line, ":", 3);
		g_auto(GStrv) controllers = NULL;

		if (g_strv_length(field) != 3)
			continue;
		controllers = g_strsplit(field[1], ",", -1);
		if (field[1][0] == '\0') {
			least = lesser(least, tree_bound(root, &cgroup_v2, field[2], bound, machine));
			least = lesser(
				least, tree_bound(root, &cgroup_v2_beside_v1, field[2], bound, machine));
		} else if (g_strv_contains((const char *const *)controllers, "memory")) {
			least = lesser(least, tree_bound(root, &cgroup_v1, field[2], bound, machine));
		}
	}
	return least;
}

uint64_t memory_total(const char *root)
{
	g_autofree char *meminfo = read_file(root, "proc/meminfo");
	uint64_t machine = meminfo_bytes(meminfo, "MemTotal");

	return machine == UINT64_MAX ? 0 : lesser(machine, cgroup_bound(root, "self", group_limit, machine));
}

uint64_t memory_limit_of(const char *root, pid_t pid)
{
	g_autofree char *process = g_strdup_printf("%d", (int)pid);

	return cgroup_bound(root, process, group_limit, UINT64_MAX);
}

uint64_t memory_available(const char *root)
{
	g_autofree char *meminfo = read_file(root, "proc/meminfo");
	uint64_t machine = meminfo_bytes(meminfo, "MemTotal");

	return lesser(
		meminfo_bytes(meminfo, "MemAvailable"), cgroup_bound(root, "self", group_available, machine));
}
