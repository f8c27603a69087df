#include "tests/support/mount.h"
#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The output goes to memory, not through a pipe, which a program that leaves a daemon behind may keep open
 * for ever. */
int program_run(char *const argv[], char *output, size_t size)
{
	int fd = memfd_create("output", MFD_CLOEXEC);
	ssize_t length;
	int status;
	pid_t child;

	if (fd < 0)
		fail_msg("no memory for the output of %s: %s", argv[0], strerror(errno));
	child = suite_fork();
	assert_return_code(child, errno);
	if (!child) {
		dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
		fcntl(fd, F_SETFL, O_APPEND);
		dup2(fd, 1);
		dup2(fd, 2);
		execvp(argv[0], argv);
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (output && size) {
		length = pread(fd, output, size - 1, 0);
		output[length < 0 ? 0 : length] = 0;
	}
	close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int shell(char *output, size_t size, const char *format, ...)
{
	char command[8192];
	char *argv[] = {(char *)"sh", (char *)"-c", command, NULL};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return program_run(argv, output, size);
}

/* The first value of that name from `at` on; NULL if there is none. */
static const char *find_key(const char *at, const char *key, size_t length)
{
	char want[128];

	snprintf(want, sizeof(want), "\"%.*s\":", (int)length, key);
	at = strstr(at, want);
	return at ? at + strlen(want) : NULL;
}

long long mount_stat(const struct mount *mount, const char *key)
{
	char *argv[] = {getenv("SIEVECTL"), (char *)"stat", (char *)mount->point, (char *)"--json", NULL};
	static char text[1 << 16];
	const char *at = text;

	if (!argv[0])
		fail_msg("SIEVECTL does not name the program");
	if (program_run(argv, text, sizeof(text)))
		fail_msg("sievectl stat failed: %s", text);
	while (at && *key) {
		size_t length = strcspn(key, "/");

		at = find_key(at, key, length);
		key += length + (key[length] == '/');
	}
	if (!at)
		fail_msg("sievectl stat has no such counter: %s", text);
	return strtoll(at, NULL, 10);
}

/* sievectl leaves out kinds that there were none of. */
long long mount_requests(const struct mount *mount, const char *kind)
{
	char output[256];

	assert_int_equal(
		shell(output, sizeof(output),
			"\"$SIEVECTL\" stat '%s' --json | grep -o '\"%s\":{\"count\":[0-9]*' | cut -d: -f3",
			mount->point, kind),
		0);
	return strtoll(output, NULL, 10);
}
