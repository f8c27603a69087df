#include "fs/attributes.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "fs/copy.h"

static double timeout_of_inode(const struct server *server, const struct inode *inode)
{
	/* Writes through a mapping change the file's times unseen by the daemon and by FUSE. The kernel knows
	 * of all other writes, on any lane. A lock owner must see what other processes wrote. */
	return inode_is(inode, INODE_MAPPABLE) || inode_is(inode, INODE_LOCKED) ? 0
										: server->live.attr_timeout_s;
}

static double timeout_of_mode(const struct statx *stx, double timeout)
{
	/*
	 * A write clears set-uid and set-gid in SOURCE, but not in attributes that the kernel has cached:
	 * these must not give the program's rights to the user who wrote it. The write may come through this
	 * mount, another mount or SOURCE itself, and an older reply may arrive last. So the kernel asks for
	 * these bits each time.
	 */
	return S_ISREG(stx->stx_mode) && stx->stx_mode & (S_ISUID | S_ISGID) ? 0 : timeout;
}

/* Call before the times are read, which else could miss the last stores through a mapping. Returns whether
 * the attributes must be read. */
static bool write_stores(struct server *server, struct inode *inode, const struct statx *found)
{
	if (found)
		return inode_is(inode, INODE_MAPPABLE) && inode->object &&
		       copy_before_reading(server, inode) == 0;
	if (copy_may_be_mapped(server, inode))
		copy_before_reading(server, inode);
	return true;
}

/* The kernel asks after each read that it passes through, since that changes the copy's access time. */
static int read_attributes(struct server *server, struct inode *inode, struct statx *stx)
{
	bool known = false;

	if (copy_may_answer(server, inode)) {
		tree_lock_inode(server->tree, inode);
		known = copy_attributes_known(server, inode, stx);
		tree_unlock_inode(server->tree, inode);
	}
	return known ? 0 : tree_statx(server->tree, inode, stx);
}

int attributes_fill(
	struct server *server, struct inode *inode, const struct statx *found, struct attributes *attributes)
{
	bool read = write_stores(server, inode, found);
	double timeout = timeout_of_inode(server, inode);
	int r = read ? read_attributes(server, inode, &attributes->stx) : 0;

	if (r < 0 && !found)
		return r;
	if (r < 0 || !read)
		attributes->stx = *found;
	copy_note_attributes(server, inode, &attributes->stx);
	attributes->timeout_s = timeout_of_mode(&attributes->stx, timeout);
	tree_present(inode, &attributes->stx);
	return 0;
}

static struct timespec to_timespec(struct statx_timestamp t)
{
	return (struct timespec){.tv_sec = t.tv_sec, .tv_nsec = t.tv_nsec};
}

void attributes_to_stat(const struct statx *stx, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = stx->stx_ino;
	st->st_mode = stx->stx_mode;
	st->st_nlink = stx->stx_nlink;
	st->st_uid = stx->stx_uid;
	st->st_gid = stx->stx_gid;
	st->st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor);
	st->st_size = (off_t)stx->stx_size;
	st->st_blksize = stx->stx_blksize;
	st->st_blocks = (blkcnt_t)stx->stx_blocks;
	st->st_atim = to_timespec(stx->stx_atime);
	st->st_mtim = to_timespec(stx->stx_mtime);
	st->st_ctim = to_timespec(stx->stx_ctime);
}
