#include "tools/sievectl/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/libsievefs/sievefs.h"

void walk_complain(const char *path, int error)
{
	fprintf(stderr, "sievectl: %s: %s\n", path, sievefs_file_error(error));
}

static bool walk_directory(
	const struct walk *walk, int parent, const char *name, const char *path, dev_t device);

static bool walk_entry(const struct walk *walk, int dirfd, const char *name, const char *path, dev_t device)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT) /* it was removed meanwhile */
			walk->failed(walk->context, path, errno);
		return true;
	}
	if (S_ISDIR(st.st_mode))
		return st.st_dev != device || walk_directory(walk, dirfd, name, path, device);
	return !S_ISREG(st.st_mode) || st.st_dev != device || walk->visit(walk->context, dirfd, name, path);
}

static bool walk_entries(const struct walk *walk, DIR *dir, const char *path, dev_t device)
{
	const struct dirent *entry;
	bool goes_on = true;

	/* cppcheck-suppress readdirCalled ; the stream is this call's own */
	while (goes_on && (errno = 0, entry = readdir(dir))) {
		g_autofree char *below = NULL;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		below = g_build_filename(path, entry->d_name, NULL);
		goes_on = walk_entry(walk, dirfd(dir), entry->d_name, below, device);
	}
	if (goes_on && errno)
		walk->failed(walk->context, path, errno);
	return goes_on;
}

static bool walk_directory(
	const struct walk *walk, int parent, const char *name, const char *path, dev_t device)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool goes_on;

	if (!dir) {
		walk->failed(walk->context, path, errno);
		if (fd >= 0)
			close(fd);
		return true;
	}
	goes_on = walk_entries(walk, dir, path, device);
	closedir(dir);
	return goes_on;
}

/* Checked first, so that a directory that was named by mistake is not walked through. */
static int check_mount(const char *path)
{
	struct sievefs_mount *mount;
	int r = sievefs_mount_open(path, &mount);

	sievefs_mount_close(mount);
	return r;
}

/* A path of the command line: a link to a directory is followed. */
static bool walk_path(const struct walk *walk, const char *path)
{
	g_autofree char *real = NULL;
	struct stat st;
	int r = stat(path, &st) < 0 ? -errno : 0;

	if (r == 0 && !S_ISDIR(st.st_mode))
		return walk->visit(walk->context, AT_FDCWD, path, path);
	if (r == 0)
		r = check_mount(path);
	if (r < 0) {
		walk->failed(walk->context, path, r);
		return true;
	}
	real = g_strconcat(path, "/.", NULL);
	return walk_directory(walk, AT_FDCWD, real, path, st.st_dev);
}

bool walk_paths(const struct walk *walk, const char *const *paths)
{
	bool goes_on = true;

	for (; *paths && goes_on; paths++)
		goes_on = walk_path(walk, *paths);
	return goes_on;
}
