/* Who a file is: its handle, the nodeid that comes from it, and the file systems below SOURCE. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/fstype.h"
#include "fs/tree_impl.h"
#include "locks/order.h"

/* --- nodeids ---------------------------------------------------------------------------------- */

uint64_t tree_hash_identity(const struct identity *id)
{
	uint64_t h = tree_mix64(id->mount->ino_mix + (uint64_t)id->type);

	for (unsigned i = 0; i < id->bytes; i += 8) {
		uint64_t word = 0;

		memcpy(&word, id->data + i, MIN(8, id->bytes - i));
		h = tree_mix64(h ^ word) + i;
	}
	return h;
}

/* A handle of a 32-bit inode number and its generation fits a nodeid, which then needs no memory to be found
 * again after the kernel forgot it. */
bool tree_nodeid_pack(const struct tree *tree, const struct identity *id, uint64_t *nodeid)
{
	uint64_t ino;
	uint32_t gen;

	if (id->type != tree->packed_type || id->mount->ino_mix != 0)
		return false;
	if (id->type == HANDLE_INO32_GEN && id->bytes == 8) {
		uint32_t ino32;

		memcpy(&ino32, id->data, 4);
		memcpy(&gen, id->data + 4, 4);
		ino = ino32;
	} else if (id->type == XFS_HANDLE_INO64_GEN && id->bytes == 12) {
		memcpy(&ino, id->data, 8);
		memcpy(&gen, id->data + 8, 4);
	} else {
		return false;
	}
	if (ino > UINT32_MAX || ino == 0)
		return false;
	*nodeid = (uint64_t)gen << 32 | ino;
	return *nodeid > 1; /* 1 is the root's */
}

bool tree_nodeid_unpack(uint64_t nodeid, struct tree_mount *mount, int type, struct identity *id)
{
	uint64_t ino = nodeid & UINT32_MAX;
	uint32_t gen = nodeid >> 32;

	if (ino == 0 || (type != HANDLE_INO32_GEN && type != XFS_HANDLE_INO64_GEN))
		return false;
	id->mount = mount;
	id->type = type;
	if (type == HANDLE_INO32_GEN) {
		id->bytes = 8;
		memcpy(id->data, &ino, 4);
		memcpy(id->data + 4, &gen, 4);
	} else {
		id->bytes = 12;
		memcpy(id->data, &ino, 8);
		memcpy(id->data + 8, &gen, 4);
	}
	return true;
}

/* --- identities ------------------------------------------------------------------------------- */

static int mount_handle_fd(int fd, uint32_t mode)
{
	char path[TREE_PATH_SIZE];
	struct {
		struct file_handle head;
		unsigned char data[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	int id, opened, probe;

	if (!S_ISDIR(mode) && !S_ISREG(mode))
		return -1;
	/* open_by_handle_at() refuses an O_PATH descriptor as its mount */
	tree_fd_path(fd, path);
	opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (opened < 0)
		return -1;
	if (name_to_handle_at(fd, "", &handle.head, &id, AT_EMPTY_PATH) < 0)
		goto without;
	probe = open_by_handle_at(opened, &handle.head, O_PATH | O_CLOEXEC);
	if (probe < 0)
		goto without;
	close(probe);
	return opened;
without:
	close(opened);
	return -1;
}

static bool kernel_has_fine_stamps(void)
{
	struct utsname kernel;
	int major = 0, minor = 0;

	if (uname(&kernel) < 0 || sscanf(kernel.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 13);
}

static struct tree_mount *mount_add(struct tree *tree, dev_t dev, int fd, const struct statx *stx)
{
	struct tree_mount *mount = calloc(1, sizeof(*mount));
	const struct fstype *type;
	struct statfs fs;

	if (!mount)
		return NULL;
	if (fstatfs(fd, &fs) < 0)
		memset(&fs, 0, sizeof(fs));
	mount->dev = dev;
	type = fstype_find((uint32_t)fs.f_type);
	mount->fd = type->forgets_handles ? -1 : mount_handle_fd(fd, stx->stx_mode);
	mount->quiet_fd = -1;
	tree_mount_quietly(tree, mount);
	mount->local = type->local;
	mount->fine_stamps = type->fine_stamps && kernel_has_fine_stamps();
	if (tree->mounts) {
		/* the file system's own id stays the same when device numbers move */
		uint64_t fsid;

		memcpy(&fsid, &fs.f_fsid, sizeof(fsid));
		mount->ino_mix = tree_mix64(fsid ? fsid : dev) | 1;
		mount->nosuid = fs.f_flags & ST_NOSUID;
		mount->nodev = fs.f_flags & ST_NODEV;
	}
	mount->next = tree->mounts;
	tree->mounts = mount;
	return mount;
}

static struct tree_mount *mount_find(struct tree *tree, dev_t dev, int fd, const struct statx *stx)
{
	struct tree_mount *mount;

	lock_take(&tree->mounts_lock, LOCK_MOUNTS);
	for (mount = tree->mounts; mount; mount = mount->next)
		if (mount->dev == dev)
			break;
	if (!mount)
		mount = mount_add(tree, dev, fd, stx);
	lock_drop(&tree->mounts_lock, LOCK_MOUNTS);
	return mount;
}

int tree_identify(
	struct tree *tree, int fd, const struct statx *stx, struct inode *parent, struct identity *id)
{
	struct {
		struct file_handle head;
		unsigned char data[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	dev_t dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	int mount_id, r;

	id->mount = parent && parent->mount->dev == dev ? parent->mount : mount_find(tree, dev, fd, stx);
	if (!id->mount)
		return -ENOMEM;
	r = id->mount->fd >= 0 ? name_to_handle_at(fd, "", &handle.head, &mount_id, AT_EMPTY_PATH) : -1;
	if (r == 0) {
		id->type = handle.head.handle_type;
		id->bytes = handle.head.handle_bytes;
		memcpy(id->data, handle.head.f_handle, id->bytes);
		return 0;
	}
	struct tree_named_id named = {
		.ino = stx->stx_ino,
		.type_and_dev = (uint64_t)stx->stx_dev_major << 44 | (uint64_t)stx->stx_dev_minor << 20 |
				(stx->stx_mode & S_IFMT),
	};

	if (stx->stx_mask & STATX_BTIME)
		named.birth_ns = (uint64_t)stx->stx_btime.tv_sec * 1000000000 + stx->stx_btime.tv_nsec;
	id->type = TREE_BY_NAME;
	id->bytes = sizeof(named);
	memcpy(id->data, &named, sizeof(named));
	return 0;
}

void tree_identity_of(const struct inode *inode, struct identity *id)
{
	if (inode->handle_bytes == 0 &&
		tree_nodeid_unpack(inode->nodeid, inode->mount, inode->handle_type, id))
		return;
	id->mount = inode->mount;
	id->type = inode->handle_type;
	id->bytes = inode->handle_bytes;
	memcpy(id->data, inode->handle, id->bytes);
}

guint tree_named_id_hash(gconstpointer id)
{
	struct tree_named_id named;

	memcpy(&named, id, sizeof(named));
	return (guint)tree_mix64(named.ino ^ tree_mix64(named.birth_ns ^ tree_mix64(named.type_and_dev)));
}

gboolean tree_named_id_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct tree_named_id)) == 0;
}

bool tree_is(const struct inode *inode, const struct identity *id)
{
	struct identity own;

	if (tree_is_named(inode) && tree_named(inode)->gone)
		return false;
	tree_identity_of(inode, &own);
	return own.mount == id->mount && own.type == id->type && own.bytes == id->bytes &&
	       memcmp(own.data, id->data, id->bytes) == 0;
}
