#include "fs/observe_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/base/clock.h"
#include "fs/server.h"

/* --- the file --------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
	return (unsigned char)c > ' ' && c != '\\' && c != 0x7f;
}

/* Cuts what does not fit into PATH_MAX bytes with its NUL. */
static size_t append_escaped(char out[PATH_MAX], size_t used, const char *text)
{
	for (; *text && used + 5 < PATH_MAX; text++) {
		if (is_plain(*text))
			out[used++] = *text;
		else
			used += (size_t)snprintf(out + used, 5, "\\%03o", (unsigned char)*text);
	}
	out[used] = '\0';
	return used;
}

static void find_path(struct server *server, uint64_t nodeid, char path[PATH_MAX])
{
	struct inode *inode = tree_find(server->tree, nodeid);

	if (inode == tree_root(server->tree))
		strcpy(path, "/");
	else if (!inode || !tree_path(server->tree, server->options.source, inode, path))
		strcpy(path, "?");
}

char *observe_file(struct server *server, uint64_t nodeid, const char *name)
{
	char path[PATH_MAX], file[PATH_MAX];
	size_t used;

	find_path(server, nodeid, path);
	if (name && strcmp(path, "/") == 0)
		path[0] = '\0';
	used = append_escaped(file, 0, path);
	if (name) {
		used = append_escaped(file, used, "/");
		append_escaped(file, used, name);
	}
	return strdup(file);
}

/* --- the line --------------------------------------------------------------------------------- */

/* "2026-11-28T14:59:21.012345Z" */
static void format_time(int64_t ns, char text[40])
{
	const time_t seconds = (time_t)(ns / CLOCK_NS_PER_S);
	struct tm tm = {0};
	size_t length;

	gmtime_r(&seconds, &tm);
	length = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + length, 40 - length, ".%06uZ", (unsigned)(ns % CLOCK_NS_PER_S / 1000));
}

static void format_result(ssize_t result, char text[32])
{
	const char *name = result < 0 ? strerrorname_np((int)-result) : NULL;

	if (name)
		snprintf(text, 32, "%s", name);
	else
		snprintf(text, 32, "%zd", result);
}

size_t observe_line(const struct observe_access *access, char line[OBSERVE_LINE_MAX])
{
	char time[40], result[32];

	format_time(access->began_ns, time);
	format_result(access->result, result);
	return (size_t)snprintf(line, OBSERVE_LINE_MAX, "%s %d %s %s %s %d.%09d\n", time, (int)access->pid,
		operation_names[access->operation], access->file, result, (int)(access->ns / CLOCK_NS_PER_S),
		(int)(access->ns % CLOCK_NS_PER_S));
}
