/* Attributes. */
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "backends/stamp.h"
#include "cache/base/clock.h"
#include "fs/tree/tree_impl.h"

static int statx_inode(struct tree *tree, struct inode *inode, int sync, struct statx *stx)
{
	int fd = tree_fd_get(tree, inode), r;

	if (fd < 0)
		return fd;
	r = statx(fd, "", AT_EMPTY_PATH | sync, STATX_WANTED, stx) < 0 ? -errno : 0;
	tree_fd_put(tree, inode);
	return tree_removed_below(r);
}

int tree_statx(struct tree *tree, struct inode *inode, struct statx *stx)
{
	return statx_inode(tree, inode, AT_STATX_SYNC_AS_STAT, stx);
}

int tree_statx_now(struct tree *tree, struct inode *inode, struct statx *stx)
{
	return statx_inode(tree, inode, AT_STATX_FORCE_SYNC, stx);
}

int tree_peek(struct tree *tree, struct inode *inode, struct statx *stx)
{
	int fd, r;

	if (tree_is_named(inode))
		return tree_statx(tree, inode, stx);
	fd = tree_reach(tree, inode, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fd;
	r = statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, stx) < 0 ? -errno : 0;
	close(fd);
	return r;
}

bool tree_is_mounted_below(const struct inode *inode)
{
	return inode->mount->ino_mix != 0;
}

uint64_t tree_ino(const struct inode *inode, uint64_t ino)
{
	/* a file system below the root has numbers of its own; the mount's must be unique */
	return inode->mount->ino_mix ? hash_mix64(ino ^ inode->mount->ino_mix) : ino;
}

/* As the kernel decides it (relatime). */
bool tree_listing_moves_atime(const struct inode *inode, const struct statx *stx)
{
	int64_t atime_ns = stamp_ns(stx->stx_atime);

	if (inode->mount->atime != TREE_ATIME_DAILY)
		return inode->mount->atime == TREE_ATIME_ALWAYS;
	return atime_ns <= stamp_ns(stx->stx_mtime) || atime_ns <= stamp_ns(stx->stx_ctime) ||
	       clock_wall_coarse_ns() - atime_ns >= 86400 * CLOCK_NS_PER_S;
}

bool tree_has_fine_stamps(const struct inode *inode)
{
	return inode->type == DT_DIR ? inode->mount->fine_dir_stamps : inode->mount->fine_stamps;
}

struct space *tree_space(const struct inode *inode)
{
	return &inode->mount->space;
}

bool tree_is_local(const struct inode *inode)
{
	return inode->mount->local;
}

bool tree_is_remote(const struct inode *inode)
{
	return inode->mount->remote;
}

bool tree_close_is_silent(const struct inode *inode)
{
	return inode->mount->local;
}

bool tree_hides_mappings(const struct inode *inode)
{
	return inode->mount->hides_mappings;
}

bool tree_has_state_by_open(const struct inode *inode)
{
	return inode->mount->state_by_open;
}

bool tree_is_nosuid(const struct inode *inode)
{
	return inode->mount->nosuid;
}

void tree_present(const struct inode *inode, struct statx *stx)
{
	stx->stx_ino = tree_ino(inode, stx->stx_ino);
	if (inode->mount->nosuid && S_ISREG(stx->stx_mode))
		stx->stx_mode &= ~(S_ISUID | S_ISGID);
	if (inode->mount->nodev)
		stx->stx_rdev_major = stx->stx_rdev_minor = 0;
}
