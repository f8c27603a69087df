#include "backends/fstype.h"
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void what_others_may_change_or_hold_up_is_not_local(void **state)
{
	static const uint32_t shared[] = {
		FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, SMB2_SUPER_MAGIC, CEPH_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC};

	for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++) {
		const struct fstype *type = fstype_find(shared[i]);

		assert_int_equal(type->magic, shared[i]);
		assert_false(type->local || type->in_memory || type->fine_stamps);
	}
}

static void what_other_machines_serve_is_remote(void **state)
{
	assert_true(fstype_find(FUSE_SUPER_MAGIC)->remote);
	assert_true(fstype_find(NFS_SUPER_MAGIC)->remote);
	assert_true(fstype_find(CEPH_SUPER_MAGIC)->remote);
	assert_false(fstype_find(EXT4_SUPER_MAGIC)->remote);
	assert_false(fstype_find(OVERLAYFS_SUPER_MAGIC)->remote);
	assert_false(fstype_find(0x12345678)->remote);
}

static void what_may_lie_on_another_file_system_is_known(void **state)
{
	assert_true(fstype_find(OVERLAYFS_SUPER_MAGIC)->may_be_stacked);
	assert_true(fstype_find(OVERLAYFS_SUPER_MAGIC)->hides_mappings);
	assert_false(fstype_find(EXT4_SUPER_MAGIC)->hides_mappings);
	assert_true(fstype_find(FUSE_SUPER_MAGIC)->may_be_stacked);
	assert_true(fstype_find(EROFS_SUPER_MAGIC_V1)->may_be_stacked);
	assert_false(fstype_find(EXT4_SUPER_MAGIC)->may_be_stacked);
	assert_false(fstype_find(0)->may_be_stacked);
}

static void disks_and_memory_are_local(void **state)
{
	/* as statfs(2) gives it: sign-extended on 32 bits */
	int btrfs = (int)BTRFS_SUPER_MAGIC;

	assert_true(fstype_find(EXT4_SUPER_MAGIC)->local);
	assert_false(fstype_find(EXT4_SUPER_MAGIC)->in_memory);
	assert_true(fstype_find(TMPFS_MAGIC)->local);
	assert_true(fstype_find(TMPFS_MAGIC)->in_memory);
	assert_string_equal(fstype_find((uint32_t)btrfs)->name, "btrfs");
}

static void an_unknown_type_is_not_local(void **state)
{
	assert_false(fstype_find(0)->local);
	assert_false(fstype_find(0x12345678)->local);
	assert_non_null(fstype_find(0x12345678)->name);
}

static void only_fuse_forgets_the_handles_that_it_gave(void **state)
{
	assert_true(fstype_find(FUSE_SUPER_MAGIC)->forgets_handles);
	assert_false(fstype_find(EXT4_SUPER_MAGIC)->forgets_handles);
	assert_false(fstype_find(NFS_SUPER_MAGIC)->forgets_handles);
	assert_false(fstype_find(0x12345678)->forgets_handles);
}

static void only_a_fuse_daemon_keeps_what_an_open_file_wrote(void **state)
{
	assert_true(fstype_find(FUSE_SUPER_MAGIC)->state_by_open);
	assert_false(fstype_find(EXT4_SUPER_MAGIC)->state_by_open);
	assert_false(fstype_find(NFS_SUPER_MAGIC)->state_by_open);
	assert_false(fstype_find(OVERLAYFS_SUPER_MAGIC)->state_by_open);
}

static void ext4_and_f2fs_keep_blocks_for_root(void **state)
{
	assert_true(fstype_find(EXT4_SUPER_MAGIC)->keeps_reserve);
	assert_true(fstype_find(F2FS_SUPER_MAGIC)->keeps_reserve);
	assert_false(fstype_find(XFS_SUPER_MAGIC)->keeps_reserve);
	assert_false(fstype_find(0x12345678)->keeps_reserve);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_may_change_or_hold_up_is_not_local),
		cmocka_unit_test(what_other_machines_serve_is_remote),
		cmocka_unit_test(what_may_lie_on_another_file_system_is_known),
		cmocka_unit_test(disks_and_memory_are_local),
		cmocka_unit_test(an_unknown_type_is_not_local),
		cmocka_unit_test(only_fuse_forgets_the_handles_that_it_gave),
		cmocka_unit_test(only_a_fuse_daemon_keeps_what_an_open_file_wrote),
		cmocka_unit_test(ext4_and_f2fs_keep_blocks_for_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
