/* Where an open directory continues. */
#include "fs/dir.h"

#include "tests/support/check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES 20

static char path[] = "dir-XXXXXX";
static struct dir *dir;

static int make_dir(void **state)
{
	char name[64];
	int fd;

	strcpy(path, "dir-XXXXXX");
	assert_non_null(mkdtemp(path));
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "%s/name-%u", path, i);
		fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		assert_return_code(fd, errno);
		close(fd);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(fd, errno);
	dir = dir_new(fd);
	assert_non_null(dir);
	return 0;
}

static int remove_dir(void **state)
{
	char name[64];

	dir_free(dir);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "%s/name-%u", path, i);
		unlink(name);
	}
	return rmdir(path);
}

/* As fs/ops_dir.c gives an entry out. */
static void take(char name[256])
{
	int r = 0;
	struct dirent64 *entry = dir_peek(dir, &r);

	assert_int_equal(r, 0);
	assert_non_null(entry);
	snprintf(name, 256, "%s", entry->d_name);
	dir->at += entry->d_reclen;
	dir->next = entry->d_off;
}

static void it_continues_where_an_entry_was(void **state)
{
	char names[NAMES][256], again[256];
	off_t places[NAMES] = {0};

	for (unsigned i = 0; i < NAMES; i++) {
		assert_int_equal(dir_seek(dir, places[i]), 0);
		take(names[i]);
		if (i + 1 < NAMES)
			places[i + 1] = dir->next;
	}
	for (unsigned i = NAMES; i-- > 0;) {
		assert_int_equal(dir_seek(dir, places[i]), 0);
		take(again);
		assert_string_equal(again, names[i]);
	}
}

/* An end instead would be a listing without what was not read. */
static void an_error_is_no_end(void **state)
{
	char name[64];
	int r = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "%s/name-%u", path, i);
		assert_return_code(unlink(name), errno);
	}
	assert_return_code(rmdir(path), errno);
	assert_null(dir_peek(dir, &r));
	assert_int_equal(r, -ENOENT);
	assert_return_code(mkdir(path, 0755), errno); /* which the end of the test removes */
}

/* Or the second request would be given what comes after some other place. */
static void a_place_that_is_refused_is_refused_again(void **state)
{
	char first[256], again[256];

	assert_int_equal(dir_seek(dir, 0), 0);
	take(first);
	assert_int_equal(dir_seek(dir, -1), -EINVAL);
	assert_int_equal(dir_seek(dir, -1), -EINVAL);
	assert_int_equal(dir_seek(dir, 0), 0);
	take(again);
	assert_string_equal(again, first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_continues_where_an_entry_was, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(an_error_is_no_end, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			a_place_that_is_refused_is_refused_again, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
