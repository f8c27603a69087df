/* Operations on names and attributes. */
#include "tests/mount/oracle/actor.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* Times set by operate_times() are before this, those of the clock after it. */
#define SET_TIME_LIMIT 1500000000

static void compare_stat(struct actor *actor, const char *name, const struct stat st[SIDES])
{
	const struct stat *a = &st[PLAIN], *b = &st[MOUNT];
	bool set_a = a->st_mtim.tv_sec < SET_TIME_LIMIT, set_b = b->st_mtim.tv_sec < SET_TIME_LIMIT;

	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
		a->st_nlink != b->st_nlink || (!S_ISDIR(a->st_mode) && a->st_size != b->st_size))
		actor_differ(actor,
			"attributes of %s: plain mode %o uid %u gid %u nlink %lu size %lld, mount mode %o "
			"uid %u gid %u nlink %lu size "
			"%lld",
			name, a->st_mode, a->st_uid, a->st_gid, (unsigned long)a->st_nlink,
			(long long)a->st_size, b->st_mode, b->st_uid, b->st_gid, (unsigned long)b->st_nlink,
			(long long)b->st_size);
	/* Without passthrough a store through a mapping moves the time when the kernel writes the page back,
	 * some time later. */
	if (!actor->compare_times)
		return;
	if (set_a != set_b || (set_a && (a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
						a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)))
		actor_differ(actor, "mtime of %s: plain %lld.%09ld, mount %lld.%09ld", name,
			(long long)a->st_mtim.tv_sec, a->st_mtim.tv_nsec, (long long)b->st_mtim.tv_sec,
			b->st_mtim.tv_nsec);
}

void operate_stat(struct actor *actor)
{
	struct stat st[SIDES] = {0};
	char name[64];

	if (actor_below(actor, 4))
		actor_name(actor, name);
	else
		actor_dir_name(actor, name);
	actor_begin(actor, "stat %s", name);
	if (ON_BOTH(actor, "stat", fstatat(actor->dir[s], name, &st[s], AT_SYMLINK_NOFOLLOW)))
		compare_stat(actor, name, st);
}

void operate_fstat(struct actor *actor)
{
	struct handle *handle = actor_open_handle(actor);
	struct stat st[SIDES] = {0};

	if (!handle)
		return;
	actor_begin(actor, "fstat handle %ld (%s)", (long)(handle - actor->handles), handle->name);
	ON_BOTH(actor, "fstat", fstat(handle->fd[s], &st[s]));
	compare_stat(actor, handle->name, st);
}

static int truncate_at(int dir, const char *name, off_t size)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC), r, saved;

	if (fd < 0)
		return -1;
	r = ftruncate(fd, size);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

/* truncate(2) has no form that starts from a descriptor; through /proc it is the real one. */
static int truncate_path(int dir, const char *name, off_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	return truncate(path, size);
}

void operate_truncate(struct actor *actor)
{
	off_t size = (off_t)actor_size(actor);
	char name[64];

	actor_name(actor, name);
	actor_begin(actor, "truncate %s to %lld", name, (long long)size);
	if (actor_below(actor, 2))
		ON_BOTH(actor, "truncate", truncate_path(actor->dir[s], name, size));
	else
		ON_BOTH(actor, "truncate", truncate_at(actor->dir[s], name, size));
}

void operate_rename(struct actor *actor)
{
	static const unsigned flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
	unsigned flag = flags[actor_below(actor, 5)];
	char from[64], to[64];

	if (actor_below(actor, 8)) {
		actor_name(actor, from);
		actor_name(actor, to);
	} else {
		actor_dir_name(actor, from);
		actor_dir_name(actor, to);
	}
	actor_begin(actor, "rename %s to %s flags %u", from, to, flag);
	ON_BOTH(actor, "rename", renameat2(actor->dir[s], from, actor->dir[s], to, flag));
}

void operate_link(struct actor *actor)
{
	char from[64], to[64];

	actor_name(actor, from);
	actor_name(actor, to);
	actor_begin(actor, "link %s to %s", from, to);
	ON_BOTH(actor, "link", linkat(actor->dir[s], from, actor->dir[s], to, 0));
}

void operate_unlink(struct actor *actor)
{
	char name[64];

	actor_name(actor, name);
	actor_begin(actor, "unlink %s", name);
	ON_BOTH(actor, "unlink", unlinkat(actor->dir[s], name, 0));
}

void operate_mkdir(struct actor *actor)
{
	char name[64];

	actor_dir_name(actor, name);
	actor_begin(actor, "mkdir %s", name);
	ON_BOTH(actor, "mkdir", mkdirat(actor->dir[s], name, 0755));
}

void operate_rmdir(struct actor *actor)
{
	char name[64];

	actor_dir_name(actor, name);
	actor_begin(actor, "rmdir %s", name);
	ON_BOTH(actor, "rmdir", unlinkat(actor->dir[s], name, AT_REMOVEDIR));
}

void operate_symlink(struct actor *actor)
{
	char from[64], to[64];

	actor_name(actor, from);
	actor_name(actor, to);
	actor_begin(actor, "symlink %s at %s", from, to);
	ON_BOTH(actor, "symlink", symlinkat(from, actor->dir[s], to));
}

void operate_chmod(struct actor *actor)
{
	/* Set-uid bits and who clears them: tests/mount/users. */
	static const mode_t modes[] = {0644, 0600, 0755, 01755, 0640, 0666};
	mode_t mode = modes[actor_below(actor, 6)];
	char name[64];

	actor_name(actor, name);
	actor_begin(actor, "chmod %s to %o", name, mode);
	ON_BOTH(actor, "chmod", fchmodat(actor->dir[s], name, mode, 0));
}

void operate_chown(struct actor *actor)
{
	uid_t uid = geteuid() ? geteuid() : actor_below(actor, 3);
	char name[64];

	actor_name(actor, name);
	actor_begin(actor, "chown %s to %u", name, uid);
	ON_BOTH(actor, "chown", fchownat(actor->dir[s], name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW));
}

static int set_times(int dir, const char *name, const struct timespec times[2])
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r, saved;

	if (fd < 0)
		return -1;
	/* Pages dirty in a mapping would move the time later, or not, as the kernel gets round to them. */
	r = fsync(fd) ? -1 : futimens(fd, times);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

void operate_times(struct actor *actor)
{
	struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000 + (time_t)actor->step, .tv_nsec = 12345}};
	char name[64];

	actor_name(actor, name);
	actor_begin(actor, "set times of %s", name);
	ON_BOTH(actor, "utimens", set_times(actor->dir[s], name, times));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static long list(int dir, const char *name, char *text, size_t size)
{
	char *names[64];
	struct dirent *entry;
	size_t count = 0, used = 0;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);

	if (!stream)
		return -1;
	while ((entry = readdir(stream)) && count < 64)
		names[count++] = strdup(entry->d_name);
	closedir(stream);
	qsort(names, count, sizeof(*names), compare_names);
	*text = 0;
	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(text + used, size - used, "%s ", names[i]);
		free(names[i]);
	}
	return (long)count;
}

void operate_list(struct actor *actor)
{
	char text[SIDES][2048] = {{0}}, name[64] = ".";

	if (actor_below(actor, 3))
		actor_dir_name(actor, name);
	actor_begin(actor, "list %s", name);
	ON_BOTH(actor, "list", list(actor->dir[s], name, text[s], sizeof(text[s])));
	if (strcmp(text[PLAIN], text[MOUNT]))
		actor_differ(actor, "names: plain %s, mount %s", text[PLAIN], text[MOUNT]);
}

static void xattr_name(struct actor *actor, char name[64])
{
	snprintf(name, 64, "user.%u", actor_below(actor, 4));
}

static const char *proc_path(char path[160], int dir, const char *name)
{
	snprintf(path, 160, "/proc/self/fd/%d/%s", dir, name);
	return path;
}

void operate_setxattr(struct actor *actor)
{
	static const int flags[] = {0, 0, XATTR_CREATE, XATTR_REPLACE};
	int flag = flags[actor_below(actor, 4)];
	size_t length = actor_below(actor, 300);
	char name[64], attribute[64], path[160];

	actor_name(actor, name);
	xattr_name(actor, attribute);
	actor_begin(actor, "setxattr %s %s %zu flags %d", name, attribute, length, flag);
	random_fill(&actor->random, actor->buffer[PLAIN], length);
	ON_BOTH(actor, "setxattr",
		setxattr(
			proc_path(path, actor->dir[s], name), attribute, actor->buffer[PLAIN], length, flag));
}

void operate_getxattr(struct actor *actor)
{
	char name[64], attribute[64], path[160];
	long length[SIDES] = {0};

	actor_name(actor, name);
	xattr_name(actor, attribute);
	actor_begin(actor, "getxattr %s %s", name, attribute);
	if (!ON_BOTH(actor, "getxattr",
		    length[s] = getxattr(
			    proc_path(path, actor->dir[s], name), attribute, actor->buffer[s], 4096)))
		return;
	if (memcmp(actor->buffer[PLAIN], actor->buffer[MOUNT], (size_t)length[PLAIN]))
		actor_differ(actor, "value of %s of %s", attribute, name);
}

void operate_removexattr(struct actor *actor)
{
	char name[64], attribute[64], path[160];

	actor_name(actor, name);
	xattr_name(actor, attribute);
	actor_begin(actor, "removexattr %s %s", name, attribute);
	ON_BOTH(actor, "removexattr", removexattr(proc_path(path, actor->dir[s], name), attribute));
}

/* Lets fills, releases and evictions that the daemon does later happen in between. */
void operate_pause(struct actor *actor)
{
	actor_begin(actor, "pause");
	poll(NULL, 0, (int)actor_below(actor, 8));
}
