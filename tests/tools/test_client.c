/* libsievectl where no mount is needed: paths that are not on one. A live mount is asked in the mount suite.
 */
#include "tools/sievectl/client.h"

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
	struct sievectl *ctl;

	assert_int_equal(sievectl_open("/nonexistent/a", &ctl), -ENOENT);
	assert_string_equal(sievectl_error(ctl), "/nonexistent/a: No such file or directory");
	sievectl_close(ctl);
}

/* Another file system may have a file of the control file's name: it is left alone. */
static void a_directory_with_a_file_of_that_name_is_not_taken_for_a_mount(void **state)
{
	char dir[] = "/tmp/sievectl-XXXXXX", path[64], expected[128];
	struct sievectl *ctl;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/.sievefs", dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	assert_int_equal(sievectl_open(dir, &ctl), -ENOTTY);
	snprintf(expected, sizeof(expected), "%s: not a mount point of sievefs", dir);
	assert_string_equal(sievectl_error(ctl), expected);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
	sievectl_close(ctl);
	unlink(path);
	rmdir(dir);
}

static void a_path_of_another_file_system_is_named_as_given(void **state)
{
	static const char *const paths[] = {"/", "/proc/self/status", "/dev/null"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct sievectl *ctl;

		assert_int_equal(sievectl_open(paths[i], &ctl), -ENOTTY);
		assert_memory_equal(sievectl_error(ctl), paths[i], strlen(paths[i]));
		assert_non_null(strstr(sievectl_error(ctl), ": not a mount point of sievefs"));
		sievectl_close(ctl);
	}
	sievectl_close(NULL);
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
