#include "fs/options/option_check.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/options/metrics_address.h"
#include "fs/options/option_value.h"

__attribute__((format(printf, 2, 3))) static int fail(char **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*error = g_strdup_vprintf(format, args);
	va_end(args);
	return -EINVAL;
}

static void replace(char **path, char *by)
{
	g_free(*path);
	*path = by;
}

int option_check_directory(const char *operand, char **path, int mode, char **error)
{
	char *real = realpath(*path, NULL);
	struct stat status;
	int r = 0;

	if (!real || stat(real, &status) < 0)
		r = fail(error, "%s %s: %s", operand, *path, strerror(errno));
	else if (!S_ISDIR(status.st_mode))
		r = fail(error, "%s %s: takes a directory", operand, *path);
	else if (access(real, mode) < 0)
		r = fail(error, "%s %s: %s", operand, *path, strerror(errno));
	else
		replace(path, g_strdup(real));
	free(real);
	return r;
}

static void make_absolute(char **path)
{
	g_autofree char *folder = NULL;

	if (g_path_is_absolute(*path))
		return;
	folder = g_get_current_dir();
	replace(path, g_build_filename(folder, *path, NULL));
}

int option_check_rules(char **path, const char *mountpoint, char **error)
{
	g_autofree char *inside = g_strconcat(mountpoint, "/", NULL);
	char *real = realpath(*path, NULL);
	struct stat status;
	int r = 0;

	if (!real || stat(real, &status) < 0)
		r = fail(error, "rules=%s: %s", *path, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		r = fail(error, "rules=%s: takes a regular file", *path);
	else if (access(real, R_OK) < 0)
		r = fail(error, "rules=%s: %s", *path, strerror(errno));
	else if (g_str_has_prefix(real, inside)) /* reading it would wait for this daemon */
		r = fail(error, "rules=%s: takes a file outside MOUNTPOINT %s", *path, mountpoint);
	else
		make_absolute(path);
	free(real);
	return r;
}

int option_check_pins(char **path, const char *mountpoint, char **error)
{
	g_autofree char *inside = g_strconcat(mountpoint, "/", NULL);
	g_autofree char *folder = NULL;
	struct stat status;
	char *real;
	int r = 0;

	make_absolute(path);
	folder = g_path_get_dirname(*path);
	real = realpath(folder, NULL);
	if (!real || access(real, W_OK | X_OK) < 0)
		r = fail(error, "pins=%s: %s: %s", *path, folder, strerror(errno));
	else if (stat(*path, &status) == 0 && !S_ISREG(status.st_mode))
		r = fail(error, "pins=%s: takes a regular file", *path);
	else if (g_str_has_prefix(real, inside) || strcmp(real, mountpoint) == 0)
		r = fail(error, "pins=%s: takes a file outside MOUNTPOINT %s", *path, mountpoint);
	free(real);
	return r;
}

/* The daemon creates the socket, but not its directory. */
static int check_socket_path(const char *path, const char *mountpoint, char **error)
{
	g_autofree char *folder = g_path_get_dirname(path), *inside = g_strconcat(mountpoint, "/", NULL);
	char *real = realpath(folder, NULL);
	int r = 0;

	if (!real)
		r = fail(error, "metrics=unix:%s: %s", path, strerror(errno));
	else if (strcmp(real, mountpoint) == 0 ||
		 g_str_has_prefix(real, inside)) /* the mount would hide it */
		r = fail(error, "metrics=unix:%s: takes a path outside MOUNTPOINT %s", path, mountpoint);
	free(real);
	return r;
}

int option_check_metrics(char **address, const char *mountpoint, char **error)
{
	const char *path = metrics_address_path(*address);
	g_autofree char *absolute = NULL, *full = NULL;
	struct metrics_address parsed;

	if (path && *path) {
		absolute = g_strdup(path);
		make_absolute(&absolute);
		full = g_strconcat("unix:", absolute, NULL);
	}
	switch (metrics_address_parse(full ? full : *address, &parsed)) {
	case 0:
		break;
	case -ENAMETOOLONG:
		return fail(error, "metrics=%s: takes a path of at most %zu bytes", *address,
			sizeof(parsed.socket.un.sun_path) - 1);
	case -EPERM:
		return fail(error,
			"metrics=%s: takes a loopback address, since all who reach it can read the metrics",
			*address);
	default:
		return fail(error, "metrics=%s: takes " METRICS_ADDRESS_FORMS, *address);
	}
	if (!full)
		return 0;
	if (check_socket_path(absolute, mountpoint, error) < 0)
		return -EINVAL;
	replace(address, g_steal_pointer(&full));
	return 0;
}

static void append_size(GString *line, const char *before, uint64_t bytes)
{
	g_string_append(line, before);
	value_format_size(line, bytes);
}

char *option_check_memory(uint64_t cache_size, uint64_t memory_floor, uint64_t memory)
{
	uint64_t most = memory - memory / 8;
	GString *line;

	if (memory == 0 || (cache_size <= most && memory_floor <= most - cache_size))
		return NULL;
	line = g_string_new(NULL);
	append_size(line, "cache_size=", cache_size);
	append_size(line, " and memory_floor=", memory_floor);
	append_size(line, " leave less than an eighth of the memory, ", memory);
	g_string_append(
		line, memory_floor ? ": the cache will be kept smaller" : ", and the cache never shrinks");
	return g_string_free(line, FALSE);
}
