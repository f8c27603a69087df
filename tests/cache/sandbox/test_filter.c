/* The filter of system calls, and the capabilities that are kept: each in a child, which they stay with. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache/sandbox/capabilities.h"
#include "cache/sandbox/filter.h"
#include "cache/store/keeper.h"
#include "cache/store/keepers.h"

#define CANT_BE_HAD -100000

static char told[256]; /* what was refused in this process, each with a space behind it */

static void remember(int number, const char *name)
{
	strncat(told, name ? name : "?", sizeof(told) - strlen(told) - 1);
	strncat(told, " ", sizeof(told) - strlen(told) - 1);
}

/* In a child: 0, or the line that is not as it should be. */
#define EXPECT(condition)                \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)

static void in_child(int (*run)(void))
{
	int ends[2], line = 0;
	pid_t child;

	assert_return_code(pipe2(ends, O_CLOEXEC), errno);
	child = fork();
	assert_return_code(child, errno);
	if (child == 0) {
		signal(SIGSYS, SIG_DFL); /* cmocka's */
		line = run();
		(void)!write(ends[1], &line, sizeof(line));
		syscall(SYS_exit_group, 0);
	}
	close(ends[1]);
	if (read(ends[0], &line, sizeof(line)) != sizeof(line))
		fail_msg("the child died");
	close(ends[0]);
	waitpid(child, NULL, 0);
	if (line == CANT_BE_HAD)
		skip();
	if (line)
		fail_msg("%s:%d: not so in the child", __FILE__, line);
}

static int load(void)
{
	int r = filter_load(&filter_of_daemon, remember);

	return r == -EOPNOTSUPP ? CANT_BE_HAD : r;
}

static int unlisted_call(void)
{
	int r = load();

	if (r)
		return r;
	for (int i = 0; i < 3; i++) {
		errno = 0;
		EXPECT(syscall(SYS_acct, NULL) == -1 && errno == ENOSYS);
	}
	EXPECT(syscall(SYS_getsid, 0) == -1 && errno == ENOSYS);
	EXPECT(strcmp(told, "acct getsid ") == 0);
	return 0;
}

static void an_unlisted_call_fails_with_enosys_and_is_told_once_by_name(void **state)
{
	in_child(unlisted_call);
}

static int by_argument(void)
{
	int r = load(), fd;

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	EXPECT(fd >= 0 && told[0] == '\0');
	EXPECT(socket(AF_PACKET, SOCK_RAW, 0) == -1 && errno == ENOSYS);
	EXPECT(strcmp(told, "socket ") == 0);
	return 0;
}

static void a_call_may_be_listed_for_some_arguments(void **state)
{
	in_child(by_argument);
}

static int writable_and_executable(void)
{
	void *memory;
	int r = load();

	if (r)
		return r;
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(memory != MAP_FAILED && told[0] == '\0');
	if (mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0)
		return CANT_BE_HAD; /* what a sanitizer may have to do */
	EXPECT(errno == ENOSYS);
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(memory == MAP_FAILED && errno == ENOSYS);
	EXPECT(strcmp(told, "mprotect mmap ") == 0);
	return 0;
}

static void no_memory_is_both_written_and_executed(void **state)
{
	in_child(writable_and_executable);
}

static int wake[2];

static void *call_when_told(void *result)
{
	char byte;

	if (read(wake[0], &byte, 1) == 1)
		*(long *)result = syscall(SYS_acct, NULL) == -1 ? errno : 0;
	return NULL;
}

static int other_thread(void)
{
	pthread_t thread;
	long result = -1;
	int r;

	EXPECT(pipe2(wake, O_CLOEXEC) == 0);
	EXPECT(pthread_create(&thread, NULL, call_when_told, &result) == 0);
	r = load();
	if (r)
		return r;
	EXPECT(write(wake[1], "", 1) == 1);
	pthread_join(thread, NULL);
	EXPECT(result == ENOSYS);
	return 0;
}

static void threads_that_are_there_already_are_filtered_too(void **state)
{
	in_child(other_thread);
}

/* As the daemon does when its keepers are full: the program is executed under the daemon's filter. */
static int further_keeper(void)
{
	const struct keepers_options options = {.program = "/proc/self/exe", .sandboxed = true};
	struct keepers *keepers;
	struct pin pin;
	int fd, r = load();

	if (r)
		return r;
	fd = openat(AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0);
	EXPECT(keepers_new(&keepers, &options) == 0);
	r = keepers_pin(keepers, fd, 8192, 0, &pin);
	if (r == -ENOMEM)
		return CANT_BE_HAD; /* RLIMIT_MEMLOCK, without CAP_IPC_LOCK */
	EXPECT(r == 0 && keepers_holds(keepers, &pin));
	keepers_unpin(keepers, &pin);
	EXPECT(keepers_check(keepers) == 0);
	keepers_free(keepers);
	EXPECT(told[0] == '\0');
	return 0;
}

static void a_keeper_is_started_and_pins_within_the_filter(void **state)
{
	in_child(further_keeper);
}

static uint64_t set_of(const char *name)
{
	FILE *status = fopen("/proc/thread-self/status", "re");
	unsigned long long set = ~0ull;
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), ":%llx", &set);
	if (status)
		fclose(status);
	return set;
}

static int shed(void)
{
	static const char *const sets[] = {"CapBnd", "CapPrm", "CapEff"};
	const uint64_t kept = CAPABILITY(CHOWN) | CAPABILITY(SYS_ADMIN);

	if (set_of("CapPrm") != set_of("CapBnd") || (set_of("CapPrm") & kept) != kept)
		return CANT_BE_HAD; /* not root, or in a container */
	EXPECT(capabilities_keep(kept) == 0);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		EXPECT(set_of(sets[i]) == kept);
	EXPECT(set_of("CapInh") == 0);
	EXPECT(capabilities_keep(~UINT64_C(0)) == 0); /* adds none */
	EXPECT(set_of("CapPrm") == kept);
	return 0;
}

static void all_but_the_kept_capabilities_are_gone_from_all_sets(void **state)
{
	in_child(shed);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_unlisted_call_fails_with_enosys_and_is_told_once_by_name),
	cmocka_unit_test(a_call_may_be_listed_for_some_arguments),
	cmocka_unit_test(no_memory_is_both_written_and_executed),
	cmocka_unit_test(threads_that_are_there_already_are_filtered_too),
	cmocka_unit_test(a_keeper_is_started_and_pins_within_the_filter),
	cmocka_unit_test(all_but_the_kept_capabilities_are_gone_from_all_sets),
};

int main(int argc, char **argv)
{
	if (strcmp(argv[0], KEEPER_NAME) == 0)
		keeper_main(KEEPER_SOCKET, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
