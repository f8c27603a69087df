#include "fs/unmake.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

static bool look(int dir_fd, const char *name, struct statx *there)
{
	return statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME,
		       there) == 0;
}

static bool is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor && a->stx_btime.tv_sec == b->stx_btime.tv_sec &&
	       a->stx_btime.tv_nsec == b->stx_btime.tv_nsec;
}

void unmake_file(int dir_fd, const char *name, const struct statx *made)
{
	struct statx there;

	if (look(dir_fd, name, &there) && is_same(&there, made))
		unlinkat(dir_fd, name, 0);
}

static bool may_be_new(const struct statx *there)
{
	if (S_ISDIR(there->stx_mode))
		return true; /* rmdir(2) checks that it is empty */
	return there->stx_nlink == 1 && (!S_ISREG(there->stx_mode) || there->stx_size == 0);
}

void unmake_new(int dir_fd, const char *name, mode_t type, uid_t owner)
{
	struct statx there;

	if (look(dir_fd, name, &there) && (there.stx_mode & S_IFMT) == type && there.stx_uid == owner &&
		may_be_new(&there))
		unlinkat(dir_fd, name, type == S_IFDIR ? AT_REMOVEDIR : 0);
}
