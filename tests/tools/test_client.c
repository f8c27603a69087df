/* libsievectl where no mount is needed: paths that are not on one. A live mount is asked in the mount suite.
 */
#include "tools/libsievefs/sievefs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_path_that_is_not_there_is_named(void **state)
{
	struct sievefs_mount *mount;

	assert_int_equal(sievefs_mount_open("/nonexistent/a", &mount), -ENOENT);
	assert_string_equal(sievefs_mount_error(mount), "/nonexistent/a: No such file or directory");
	sievefs_mount_close(mount);
}

/* Another file system may have a file of the control file's name: it is left alone. */
static void a_directory_with_a_file_of_that_name_is_not_taken_for_a_mount(void **state)
{
	char dir[] = "/tmp/sievectl-XXXXXX", path[64], expected[128];
	struct sievefs_mount *mount;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/.sievefs", dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sievefs_mount_open(dir, &mount), -ENOTTY);
	snprintf(expected, sizeof(expected), "%s: not in a sievefs mount", dir);
	assert_string_equal(sievefs_mount_error(mount), expected);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	sievefs_mount_close(mount);
	unlink(path);
	rmdir(dir);
}

static void a_path_of_another_file_system_is_named_as_given(void **state)
{
	static const char *const paths[] = {"/", "/proc/self/status", "/dev/null"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct sievefs_mount *mount;

		assert_int_equal(sievefs_mount_open(paths[i], &mount), -ENOTTY);
		assert_memory_equal(sievefs_mount_error(mount), paths[i], strlen(paths[i]));
		assert_non_null(strstr(sievefs_mount_error(mount), ": not in a sievefs mount"));
		sievefs_mount_close(mount);
	}
	sievefs_mount_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_that_is_not_there_is_named),
		cmocka_unit_test(a_directory_with_a_file_of_that_name_is_not_taken_for_a_mount),
		cmocka_unit_test(a_path_of_another_file_system_is_named_as_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
