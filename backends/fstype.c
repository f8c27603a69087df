#include "backends/fstype.h"
#include <linux/magic.h>
#include <stddef.h>

#define LUSTRE_SUPER_MAGIC 0x0bd00bd0 /* not in linux/magic.h */

static const struct fstype fstypes[] = {
	{EXT4_SUPER_MAGIC, "ext4", .local = true, .fine_stamps = true,
		.keeps_reserve = true}, /* ext2 and ext3 too */
	{XFS_SUPER_MAGIC, "xfs", .local = true, .fine_stamps = true},
	{BTRFS_SUPER_MAGIC, "btrfs", .local = true, .fine_stamps = true},
	{F2FS_SUPER_MAGIC, "f2fs", .local = true, .keeps_reserve = true},
	{TMPFS_MAGIC, "tmpfs", .local = true, .in_memory = true, .fine_stamps = true,
		.coarse_dir_stamps = true},
	{RAMFS_MAGIC, "ramfs", .local = true, .in_memory = true},
	{FUSE_SUPER_MAGIC, "fuse", .remote = true, .forgets_handles = true, .state_by_open = true,
		.may_be_stacked = true, .hides_mappings = true},
	/* listed for their names, and since they may be stacked on others */
	{OVERLAYFS_SUPER_MAGIC, "overlay", .may_be_stacked = true, .hides_mappings = true},
	{ECRYPTFS_SUPER_MAGIC, "ecryptfs", .may_be_stacked = true},
	{EROFS_SUPER_MAGIC_V1, "erofs", .may_be_stacked = true},
	{NFS_SUPER_MAGIC, "nfs", .remote = true},
	{CIFS_SUPER_MAGIC, "cifs", .remote = true},
	{SMB2_SUPER_MAGIC, "smb3", .remote = true},
	{CEPH_SUPER_MAGIC, "ceph", .remote = true},
	{LUSTRE_SUPER_MAGIC, "lustre", .remote = true},
	{V9FS_MAGIC, "9p", .remote = true},
};

const struct fstype *fstype_find(uint32_t magic)
{
	static const struct fstype unknown = {0, "of an unknown type"};

	for (size_t i = 0; i < sizeof(fstypes) / sizeof(*fstypes); i++) {
		if (fstypes[i].magic == magic)
			return &fstypes[i];
	}
	return &unknown;
}
