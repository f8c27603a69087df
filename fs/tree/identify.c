/* Identifies the file that a descriptor is open on. */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fs/tree/tree_impl.h"

int tree_identify(
	struct tree *tree, int fd, const struct statx *stx, struct inode *parent, struct identity *id)
{
	struct {
		struct file_handle head;
		unsigned char data[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	dev_t dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	int mount_id, r;

	/* the parent's descriptor keeps the file system mounted, so the device number still belongs to it */
	id->mount = parent && parent->mount->dev == dev ? parent->mount : tree_mount_find(tree, fd, stx);
	if (!id->mount)
		return -ENOMEM;
	r = id->mount->has_handles ? name_to_handle_at(fd, "", &handle.head, &mount_id, AT_EMPTY_PATH) : -1;
	/* else the same file would get a second inode, reached by name */
	if (r < 0 && id->mount->has_handles && tree_is_short(errno))
		return -errno;
	if (r == 0) {
		id->type = handle.head.handle_type;
		id->bytes = handle.head.handle_bytes;
		memcpy(id->data, handle.head.f_handle, id->bytes);
		return 0;
	}
	struct tree_named_id named = {
		.ino = stx->stx_ino,
		.type_and_mount = (uint64_t)id->mount->serial << 16 | (stx->stx_mode & S_IFMT),
	};

	if (stx->stx_mask & STATX_BTIME)
		named.birth_ns = (uint64_t)stx->stx_btime.tv_sec * 1000000000 + stx->stx_btime.tv_nsec;
	id->type = TREE_BY_NAME;
	id->bytes = sizeof(named);
	memcpy(id->data, &named, sizeof(named));
	return 0;
}
