/* Requests about one file. */
#include "tools/libsievefs/sievefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fs/control/file_request.h"

_Static_assert((int)SIEVEFS_CACHED == FILE_CACHED && (int)SIEVEFS_FILLING == FILE_FILLING &&
		       (int)SIEVEFS_OPEN == FILE_OPEN && (int)SIEVEFS_WRITTEN == FILE_WRITTEN &&
		       (int)SIEVEFS_COUNTED == FILE_COUNTED && (int)SIEVEFS_KEPT == FILE_KEPT &&
		       (int)SIEVEFS_PINNED == FILE_PINNED && (int)SIEVEFS_LEFT == FILE_LEFT,
	"the library's flags are those of the request");
_Static_assert(
	SIEVEFS_WORD_SIZE == FILE_WORD_SIZE && SIEVEFS_PATH_SIZE == FILE_PATH_SIZE, "and so are its texts");

static void copy_answer(const struct file_answer *answer, struct sievefs_file *file)
{
	*file = (struct sievefs_file){
		.version = SIEVEFS_API_VERSION,
		.flags = answer->flags,
		.size = answer->size,
		.cached_bytes = answer->cached_bytes,
		.dirty_bytes = answer->dirty_bytes,
		.writeback_bytes = answer->writeback_bytes,
		.small_max = answer->small_max,
		.large_min = answer->large_min,
		.cache_size = answer->cache_size,
		.opens = answer->opens,
		.wanted = answer->wanted,
		.uses = answer->uses,
		.age_s = answer->age_s,
	};
	memcpy(file->lane, answer->lane, sizeof(file->lane));
	memcpy(file->why, answer->why, sizeof(file->why));
	memcpy(file->cache, answer->cache, sizeof(file->cache));
	file->left_s = answer->left_s;
	memcpy(file->left_for, answer->left_for, sizeof(file->left_for));
	memcpy(file->section, answer->section, sizeof(file->section));
}

/* The number of the request may mean something else to another file system. */
static bool is_fuse(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC;
}

/* name: of a file in the directory fd; "": fd itself. */
static int request(int fd, const char *name, enum file_verb verb, struct sievefs_file *file)
{
	struct file_request request = {.version = FILE_REQUEST_VERSION, .verb = verb};

	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	strcpy(request.name, name);
	if (!is_fuse(fd))
		return -ENOTTY;
	if (ioctl(fd, FILE_REQUEST_IOCTL, &request) < 0)
		return errno == ENOSYS || errno == EINVAL ? -ENOTTY : -errno;
	if (file)
		copy_answer(&request.answer, file);
	return 0;
}

/* --- by path ----------------------------------------------------------------------------------- */

/* For a directory that may be searched, but not opened: opens the file itself. */
static int request_opened(int dirfd, const char *path, enum file_verb verb, struct sievefs_file *file)
{
	int fd = openat(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = request(fd, "", verb, file);
	close(fd);
	return r;
}

/* Opens the directory of the path's last name, and sets *name to that. A path without one is that directory
 * itself, and *name is "". */
static int open_parent(int dirfd, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd;

	if (!parent)
		return -ENOMEM;
	*name = slash ? slash + 1 : path;
	if (strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		*name = "";
	fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	free(parent);
	return fd;
}

static bool is_same_file_system(int fd, const char *name)
{
	struct stat directory, file;

	return fstat(fd, &directory) == 0 && fstatat(fd, name, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
	       directory.st_dev == file.st_dev;
}

/* -ELOOP: the last name is a link, which must be followed first. */
static int request_named(int dirfd, const char *path, enum file_verb verb, struct sievefs_file *file)
{
	const char *name;
	int fd = open_parent(dirfd, path, &name), r;

	if (fd == -EACCES)
		return request_opened(dirfd, path, verb, file);
	if (fd < 0)
		return fd;
	r = request(fd, name, verb, file);
	if (r == 0 && *name && !is_same_file_system(fd, name))
		r = -ENOTTY; /* something is mounted on it */
	close(fd);
	return r;
}

/* The path without links, as the kernel knows it; freed by the caller. NULL with errno. */
static char *follow(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_PATH | O_CLOEXEC), error;
	char link[64], *real;

	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	real = realpath(link, NULL);
	error = errno;
	close(fd);
	errno = error;
	return real;
}

static int request_at(int dirfd, const char *path, enum file_verb verb, struct sievefs_file *file)
{
	int r = *path ? request_named(dirfd, path, verb, file) : -ENOENT;
	char *real;

	/* a link out of the mount, or into it */
	if (r != -ELOOP && r != -ENOTTY)
		return r;
	real = follow(dirfd, path);
	if (!real)
		return -errno;
	r = request_named(AT_FDCWD, real, verb, file);
	free(real);
	return r;
}

/* --- the functions ------------------------------------------------------------------------------ */

#define FUNCTIONS(name, verb)                                                           \
	int sievefs_##name(int fd, struct sievefs_file *file)                           \
	{                                                                               \
		return request(fd, "", verb, file);                                     \
	}                                                                               \
	int sievefs_##name##_at(int dirfd, const char *path, struct sievefs_file *file) \
	{                                                                               \
		return request_at(dirfd, path, verb, file);                             \
	}

FUNCTIONS(state, FILE_STATE)
FUNCTIONS(warm, FILE_WARM)
FUNCTIONS(evict, FILE_EVICT)
FUNCTIONS(flush, FILE_FLUSH)
FUNCTIONS(pin, FILE_PIN)
FUNCTIONS(unpin, FILE_UNPIN)

const char *sievefs_file_error(int error)
{
	switch (-abs(error)) {
	case -ENOTTY:
		return "not a file of a sievefs mount";
	case -EPROTO:
		return "the mount's daemon has another version, which does not understand this request";
	case -EBUSY:
		return "it is pinned, is being brought into the cache, or a program has its copy open";
	case -EPERM:
		return "only root and the owner of the mount may do this, and to evict it, also its owner";
	case -EFBIG:
		return "it is larger than an eighth of cache_size";
	case -EAGAIN:
		return "a program has a lease on it in SOURCE";
	case -ENOTCONN:
		return "the daemon of this mount is gone; umount it";
	default:
		return strerror(abs(error));
	}
}
