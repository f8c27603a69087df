#include "tools/libsievefs/sievefs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fs/control/file_request.h"

#define CONTROL_NAME ".sievefs"
#define REPLY_STEP 65536
#define ERROR_MAX (PATH_MAX + 512)

struct sievefs_mount {
	char *given; /* the path that was asked for */
	char *root;  /* of its mount, absolute */
	char error[ERROR_MAX];
};

__attribute__((format(printf, 3, 4))) static int fail(
	struct sievefs_mount *mount, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(mount->error, sizeof(mount->error), format, args);
	va_end(args);
	return error;
}

/* The last three: the mount ended during the request; which error depends on how far the kernel had got. */
static bool is_gone(int error)
{
	return error == ENOTCONN || error == ECONNABORTED || error == ECANCELED || error == ENODEV;
}

static int fail_path(struct sievefs_mount *mount, const char *path)
{
	int error = errno;

	if (is_gone(error))
		return fail(mount, -ENOTCONN, "%s: the daemon of this mount is gone; umount it", path);
	return fail(mount, -error, "%s: %s", path, strerror(error));
}

/* The path ends with a slash only if it is "/"; cutting "/a" leaves "/". */
static void cut_last_name(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path ? 1 : 0] = '\0';
}

/* Cuts @path, an absolute path without symbolic links, to the root of the mount that it lies in. */
static int cut_to_mount_root(struct sievefs_mount *mount, char *path)
{
	for (;;) {
		struct statx status;

		if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) < 0)
			return fail_path(mount, path);
		if (status.stx_attributes & STATX_ATTR_MOUNT_ROOT || strcmp(path, "/") == 0)
			return 0;
		cut_last_name(path);
	}
}

static int fail_foreign(struct sievefs_mount *mount)
{
	return fail(mount, -ENOTTY, "%s: not in a sievefs mount", mount->given);
}

/* The type of a mount, from a line of mountinfo; NULL: the line is of another mount. */
static const char *type_of_line(const char *line, uint64_t mount_id)
{
	const char *type = strstr(line, " - ");

	return type && strtoull(line, NULL, 10) == mount_id ? type + 3 : NULL;
}

/* 1: it is; 0: it isn't; -1: mountinfo does not say. statfs(2) would ask SOURCE, which may not answer, or
 * answer with an error of its own. */
static int is_fuse_by_mountinfo(const char *root)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	struct statx status;
	char *line = NULL;
	size_t size = 0;
	int is_fuse = -1;

	if (statx(AT_FDCWD, root, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID, &status) < 0 ||
		!(status.stx_mask & STATX_MNT_ID))
		status.stx_mnt_id = 0;
	while (mounts && status.stx_mnt_id && is_fuse < 0 && getline(&line, &size, mounts) > 0) {
		const char *type = type_of_line(line, status.stx_mnt_id);

		if (type)
			is_fuse = strncmp(type, "fuse", 4) == 0;
	}
	free(line);
	if (mounts)
		fclose(mounts);
	return is_fuse;
}

/* A descriptor for one request, or -errno. Another file system may have a file of that name: only FUSE is
 * asked. */
static int open_control(struct sievefs_mount *mount)
{
	int control, is_fuse = is_fuse_by_mountinfo(mount->root);
	struct statfs fs;
	char *path;

	if (is_fuse < 0 && statfs(mount->root, &fs) < 0)
		return fail_path(mount, mount->root);
	if (is_fuse < 0)
		is_fuse = fs.f_type == FUSE_SUPER_MAGIC;
	if (!is_fuse)
		return fail_foreign(mount);
	if (asprintf(&path, "%s/" CONTROL_NAME, mount->root) < 0)
		return fail(mount, -ENOMEM, "%s: %s", mount->root, strerror(ENOMEM));
	control = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (control < 0)
		control = errno == ENOENT ? fail_foreign(mount) : fail_path(mount, mount->root);
	free(path);
	return control;
}

static int find_mount(struct sievefs_mount *mount, const char *path)
{
	int control, r;

	mount->given = strdup(path);
	if (!mount->given)
		return fail(mount, -ENOMEM, "%s: %s", path, strerror(ENOMEM));
	mount->root = realpath(path, NULL);
	if (!mount->root)
		return fail_path(mount, path);
	r = cut_to_mount_root(mount, mount->root);
	if (r < 0)
		return r;
	control = open_control(mount);
	if (control < 0)
		return control;
	close(control);
	return 0;
}

int sievefs_mount_open(const char *path, struct sievefs_mount **result)
{
	*result = calloc(1, sizeof(**result));
	return *result ? find_mount(*result, path) : -ENOMEM;
}

void sievefs_mount_close(struct sievefs_mount *mount)
{
	if (!mount)
		return;
	free(mount->given);
	free(mount->root);
	free(mount);
}

const char *sievefs_mount_error(const struct sievefs_mount *mount)
{
	return mount->error;
}

/* Appends @word in single quotes, as the daemon parses it, like a shell. -1: the line would be too long. */
static int append_quoted(struct control_line *request, const char *word)
{
	char *line = request->text;
	size_t at = request->length;

	if (at > 0)
		line[at++] = ' ';
	line[at++] = '\'';
	for (; *word; word++) {
		if (at + 8 > CONTROL_REQUEST_MAX)
			return -1;
		if (*word == '\'')
			at = stpcpy(line + at, "'\\''") - line;
		else
			line[at++] = *word;
	}
	line[at++] = '\'';
	request->length = at;
	return at + 8 > CONTROL_REQUEST_MAX ? -1 : 0;
}

static int join_request(struct sievefs_mount *mount, const char *const *argv, struct control_line *line)
{
	for (; *argv; argv++) {
		if (append_quoted(line, *argv) < 0)
			return fail(
				mount, -EMSGSIZE, "the request is longer than %d bytes", CONTROL_REQUEST_MAX);
	}
	return 0;
}

static int read_reply(struct sievefs_mount *mount, int control, char **reply, size_t *length)
{
	char *text = NULL, *grown;
	size_t used = 0, room = 0;

	for (;;) {
		ssize_t count;

		if (room - used < 2) {
			room += REPLY_STEP;
			grown = realloc(text, room);
			if (!grown)
				break;
			text = grown;
		}
		count = read(control, text + used, room - used - 1);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			break;
		used += count;
		text[used] = '\0';
		if (count == 0) {
			*reply = text;
			*length = used;
			return 0;
		}
	}
	free(text);
	return fail_path(mount, mount->root);
}

/* The daemon's own line says more than the errno of the write. */
static int refused(struct sievefs_mount *mount, int control, int error)
{
	char *reason = NULL;
	size_t length = 0;

	if (is_gone(error) || read_reply(mount, control, &reason, &length) < 0 || length == 0) {
		errno = error;
		error = -fail_path(mount, mount->root);
	} else {
		reason[strcspn(reason, "\n")] = '\0';
		fail(mount, -error, "%s", reason);
	}
	free(reason);
	return -error;
}

int sievefs_mount_listen(struct sievefs_mount *mount, const char *const *argv)
{
	struct control_line line = {.version = FILE_REQUEST_VERSION};
	int control, r;

	mount->error[0] = '\0';
	r = join_request(mount, argv, &line);
	if (r < 0)
		return r;
	control = open_control(mount);
	if (control < 0 || ioctl(control, CONTROL_LINE_IOCTL, &line) >= 0)
		return control;
	if (errno == ENOTTY) /* another FUSE file system, with a file of that name */
		r = fail_foreign(mount);
	else if (errno == EPROTO)
		r = fail(mount, -ENOTTY, "%s: %s", mount->root, sievefs_file_error(EPROTO));
	else
		r = refused(mount, control, errno);
	close(control);
	return r;
}

int sievefs_mount_request(struct sievefs_mount *mount, const char *const *argv, char **reply, size_t *length)
{
	int control = sievefs_mount_listen(mount, argv), r;
	size_t ignored;

	if (control < 0)
		return control;
	r = read_reply(mount, control, reply, length ? length : &ignored);
	close(control);
	return r;
}

const char *sievefs_mount_root(const struct sievefs_mount *mount)
{
	return mount->root;
}

static void copy_answer(const struct mount_answer *answer, struct sievefs_sums *sums)
{
	*sums = (struct sievefs_sums){
		.version = SIEVEFS_API_VERSION,
		.flags = answer->knows_dirty ? SIEVEFS_SUMS_DIRTY : 0,
		.start_time = (int64_t)answer->start_time,
		.opens = answer->opens,
		.hits = answer->hits,
		.misses = answer->misses,
		.fills = answer->fills,
		.evictions = answer->evictions,
		.writeback_failures = answer->failures,
		.cached_files = answer->cached_files,
		.cached_bytes = answer->cached_bytes,
		.budget_bytes = answer->budget_bytes,
		.pinned_bytes = answer->pinned_bytes,
		.dirty_files = answer->dirty_files,
		.dirty_bytes = answer->dirty_bytes,
		.writeback_bytes = answer->writeback_bytes,
		.oldest_ms = answer->oldest_ms,
	};
}

int sievefs_mount_sums(struct sievefs_mount *mount, struct sievefs_sums *sums)
{
	struct mount_request request = {.version = FILE_REQUEST_VERSION};
	int fd = open(mount->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	mount->error[0] = '\0';
	if (fd < 0)
		return fail_path(mount, mount->root);
	if (ioctl(fd, MOUNT_REQUEST_IOCTL, &request) < 0)
		r = fail_path(mount, mount->root);
	else
		copy_answer(&request.answer, sums);
	close(fd);
	return r;
}
