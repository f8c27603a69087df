/* The files of the store, in its tmpfs and as memfds of one who may not mount. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/store/store_copy.h"
#include "tests/support/descriptors.h"

#define MIB (1 << 20)

static struct store *new_tmpfs(void)
{
	struct store *store;

	assert_int_equal(store_copy_new(&store, MIB, 0), 0);
	if (store_copy_mount_error(store)) {
		store_free(store);
		print_message("skipped: a tmpfs may not be mounted here\n");
		skip();
	}
	return store;
}

static struct store *new_memfds(unsigned most)
{
	uid_t user = geteuid();
	struct store *store;

	if (user == 0)
		assert_return_code(seteuid(65534), errno);
	assert_int_equal(store_copy_new(&store, MIB, most), 0);
	if (user == 0)
		assert_return_code(seteuid(0), errno);
	assert_int_not_equal(store_copy_mount_error(store), 0);
	return store;
}

static ssize_t read_bytes(void *ctx, void *buf, size_t size, uint64_t offset)
{
	memset(buf, 'b', size);
	return (ssize_t)size;
}

static const struct store_source source = {.read = read_bytes};

static void make_file(struct store *store, union store_place *file)
{
	*file = (union store_place){0};
	assert_int_equal(store_fill(store, file, &source, 5), 5);
}

static void a_removed_file_is_gone_and_its_pages_with_its_last_user(void **state)
{
	struct store *store = new_tmpfs();
	union store_place file, same;
	struct stat status;
	int fd;

	make_file(store, &file);
	same = file;
	fd = store_copy_open(store, &file, O_RDONLY);
	assert_true(fd >= 0);
	store_drop(store, &file);
	assert_int_equal(file.copy, 0);
	store_drop(store, &file); /* fine for none */
	assert_int_equal(store_copy_open(store, &same, O_RDONLY), -ENOENT);
	assert_return_code(fstat(fd, &status), errno);
	assert_int_equal(status.st_nlink, 0);
	store_copy_close(store, fd);
	store_free(store);
}

static void a_removed_memfd_is_closed(void **state)
{
	struct store *store = new_memfds(2);
	int before = descriptors_open();
	union store_place files[2];

	for (unsigned i = 0; i < 2; i++) {
		assert_false(store_is_full(store));
		make_file(store, &files[i]);
		assert_int_equal(store_descriptors(store), i + 1);
	}
	assert_true(store_is_full(store));
	assert_int_equal(descriptors_open(), before + 2);
	for (unsigned i = 0; i < 2; i++)
		store_drop(store, &files[i]);
	assert_int_equal(store_descriptors(store), 0);
	assert_int_equal(descriptors_open(), before);
	store_free(store);
}

static void files_of_the_tmpfs_hold_no_descriptor(void **state)
{
	struct store *store = new_tmpfs();
	int before = descriptors_open();
	union store_place file;

	make_file(store, &file);
	store_copy_close(store, store_copy_open(store, &file, O_RDONLY));
	assert_false(store_copy_in_use(store, &file));
	assert_int_equal(descriptors_open(), before);
	assert_int_equal(store_descriptors(store), 0);
	store_free(store);
	assert_int_equal(descriptors_open(), before - 1);
}

static void each_read_moves_the_time_and_other_looks_do_not(void **state)
{
	struct store *store = new_tmpfs();
	union store_place file;
	uint64_t last;
	char byte;
	int fd;

	make_file(store, &file);
	fd = store_copy_open(store, &file, O_RDONLY);
	last = store_atime(store, &file);
	for (int i = 0; i < 2; i++) {
		poll(NULL, 0, 20);
		assert_int_equal(store_atime(store, &file), last);
		assert_int_equal(pread(fd, &byte, 1, 0), 1);
		assert_true(store_atime(store, &file) > last);
		last = store_atime(store, &file);
	}
	store_copy_close(store, fd);
	store_free(store);
}

static void users_of_a_file_are_told_by_what_they_opened_it_for(void **state)
{
	struct store *store = new_tmpfs();
	union store_place file;
	int fd;

	make_file(store, &file);
	assert_false(store_copy_in_use(store, &file) || store_copy_is_written(store, &file));
	fd = store_copy_open(store, &file, O_RDONLY);
	assert_true(store_copy_in_use(store, &file));
	assert_false(store_copy_is_written(store, &file));
	store_copy_close(store, fd);
	fd = store_copy_open(store, &file, O_RDWR);
	assert_true(store_copy_in_use(store, &file));
	assert_true(store_copy_is_written(store, &file));
	store_copy_close(store, fd);
	assert_false(store_copy_in_use(store, &file) || store_copy_is_written(store, &file));
	store_free(store);
}

static void the_tmpfs_takes_no_more_than_its_limit(void **state)
{
	struct store *store = new_tmpfs();
	union store_place file = {0};

	assert_int_equal(store_fill(store, &file, &source, 2 * MIB), -ENOSPC);
	assert_int_equal(file.copy, 0);
	assert_int_equal(store_fill(store, &file, &source, MIB / 2), MIB / 2); /* what did not fit is gone */
	store_drop(store, &file);
	store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removed_file_is_gone_and_its_pages_with_its_last_user),
		cmocka_unit_test(a_removed_memfd_is_closed),
		cmocka_unit_test(files_of_the_tmpfs_hold_no_descriptor),
		cmocka_unit_test(each_read_moves_the_time_and_other_looks_do_not),
		cmocka_unit_test(users_of_a_file_are_told_by_what_they_opened_it_for),
		cmocka_unit_test(the_tmpfs_takes_no_more_than_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
