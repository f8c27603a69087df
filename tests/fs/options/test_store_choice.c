#include "fs/options/store_choice.h"

#include "tests/support/check.h"

#include <errno.h>
#include <glib.h>
#include <linux/magic.h>

struct row {
	enum option_store option;
	uint32_t source;
	bool may_lock;
	int keepers_error;
	int r;
	bool pin;
	const char *why; /* a part of it */
};

static const struct row rows[] = {
	{STORE_AUTO, EXT4_SUPER_MAGIC, true, 0, 0, true, "ext4, a local one"},
	{STORE_AUTO, XFS_SUPER_MAGIC, true, 0, 0, true, "xfs, a local one"},
	{STORE_AUTO, BTRFS_SUPER_MAGIC, true, 0, 0, true, "btrfs, a local one"},
	{STORE_AUTO, TMPFS_MAGIC, true, 0, 0, true, "tmpfs, a local one"},
	{STORE_AUTO, FUSE_SUPER_MAGIC, true, 0, 0, false, "fuse"},
	{STORE_AUTO, NFS_SUPER_MAGIC, true, 0, 0, false, "nfs"},
	{STORE_AUTO, OVERLAYFS_SUPER_MAGIC, true, 0, 0, false, "overlay"},
	{STORE_AUTO, EXT4_SUPER_MAGIC, false, 0, 0, false, "CAP_IPC_LOCK"},
	{STORE_AUTO, EXT4_SUPER_MAGIC, true, -EAGAIN, 0, false, "Resource temporarily unavailable"},
	{STORE_PIN, EXT4_SUPER_MAGIC, true, 0, 0, true, "asked for"},
	{STORE_PIN, NFS_SUPER_MAGIC, true, 0, -EOPNOTSUPP, false, "nfs"},
	{STORE_PIN, EXT4_SUPER_MAGIC, false, 0, -EOPNOTSUPP, false, "CAP_IPC_LOCK"},
	{STORE_PIN, EXT4_SUPER_MAGIC, true, -ENOENT, -EOPNOTSUPP, false, "No such file"},
	{STORE_COPY, EXT4_SUPER_MAGIC, true, 0, 0, false, "asked for"},
	{STORE_COPY, NFS_SUPER_MAGIC, false, 0, 0, false, "asked for"},
};

static void files_are_pinned_where_their_pages_stay_and_may_be_locked(void **state)
{
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		const struct store_facts facts = {
			.option = row->option,
			.source = fstype_find(row->source),
			.may_lock = row->may_lock,
			.keepers_error = row->keepers_error,
		};
		g_autofree char *why = NULL;
		bool pin = !row->pin;

		assert_int_equal(store_choose(&facts, &pin, &why), row->r);
		assert_int_equal(pin, row->pin);
		if (!strstr(why, row->why))
			fail_msg("row %zu: \"%s\" says nothing of \"%s\"", i, why, row->why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_pinned_where_their_pages_stay_and_may_be_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
