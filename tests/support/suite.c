#include "tests/support/suite.h"
#include "cache/base/page_cache.h"
#include "tests/support/source.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SKIPPED SOURCE_SKIPPED
#define TMPFS_TYPE 0x01021994
#define OVERLAY_TYPE 0x794c7630

struct suite_config config;
struct mount mounted;
char bare_dir[PATH_MAX];

static pid_t tests_child;

pid_t suite_fork(void)
{
	static const int caught[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS, SIGABRT};
	pid_t child = fork();

	for (size_t i = 0; !child && i < sizeof(caught) / sizeof(*caught); i++)
		signal(caught[i], SIG_DFL);
	return child;
}

static void usage_error(const char *argument)
{
	fprintf(stderr, "unknown argument %s; see tests/support/suite.h\n", argument);
	exit(2);
}

static bool number(const char *argument, const char *name, unsigned long *value)
{
	size_t length = strlen(name);

	if (strncmp(argument, name, length))
		return false;
	*value = strtoul(argument + length, NULL, 0);
	return true;
}

static bool word(const char *argument, const char *name, const char **value)
{
	size_t length = strlen(name);

	if (strncmp(argument, name, length))
		return false;
	*value = argument + length;
	return true;
}

static void parse(int argc, char **argv)
{
	const char *test = NULL, *user = NULL, *bare = getenv("SIEVEFS_TEST_BARE");
	unsigned long seed = (unsigned long)time(NULL) ^ ((unsigned long)getpid() << 20);

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "bare"))
			bare = "1";
		else if (!strcmp(a, "--keep"))
			config.keep = true;
		else if (!word(a, "lane=", &config.lane) && !word(a, "transport=", &config.transport) &&
			 !word(a, "passthrough=", &config.passthrough) && !word(a, "user=", &user) &&
			 !word(a, "source=", &config.source) &&
			 !word(a, "descriptors=", &config.descriptors) && !word(a, "--test=", &test) &&
			 !number(a, "--seed=", &seed) && !number(a, "--ops=", &config.op_count) &&
			 !number(a, "--procs=", &config.proc_count) &&
			 !number(a, "--files=", &config.file_count))
			usage_error(a);
	}
	config.seed = seed;
	config.overlay = config.source && !strcmp(config.source, "overlay");
	config.fuse = config.source && !strcmp(config.source, "fuse");
	config.bare = bare && *bare && strcmp(bare, "0") != 0;
	if (user) {
		struct passwd *entry = getpwnam(user);

		if (!entry)
			usage_error(user);
		config.user = true;
		config.uid = entry->pw_uid;
		config.gid = entry->pw_gid;
	}
	if (test)
		cmocka_set_test_filter(test);
}

static int skipped(const char *why)
{
	printf("SKIP: %s\n", why);
	return SKIPPED;
}

static bool uring_is_on(void)
{
	char value = 'N';
	int fd = open("/sys/module/fuse/parameters/enable_uring", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = 'N';
	close(fd);
	return value == 'Y';
}

bool suite_uring_can_be_had(void)
{
	return LIBFUSE_URING_IS_SAFE && uring_is_on();
}

static int may_run(const struct suite *suite)
{
	if (!config.bare && !getenv("SIEVEFS"))
		return skipped("SIEVEFS does not name the daemon's program");
	if (!config.bare && access("/dev/fuse", F_OK))
		return skipped("this machine has no /dev/fuse");
	if (config.bare && suite->needs_daemon)
		return skipped("makes no sense on a bare directory");
	if (suite->needs_cachestat && !page_cache_can_be_counted())
		return skipped("the kernel has no cachestat(2)");
	if (config.transport && !strcmp(config.transport, "uring") && !config.bare && !uring_is_on())
		return skipped("/sys/module/fuse/parameters/enable_uring is not Y");
	if (config.transport && !strcmp(config.transport, "uring") && !config.bare && !LIBFUSE_URING_IS_SAFE)
		return skipped("the libfuse that sievefs was built with loses replies over io_uring");
	if ((suite->needs_root || config.user || config.source) && geteuid())
		return skipped("needs root");
	if (config.passthrough && !strcmp(config.passthrough, "on") && geteuid())
		return skipped("passthrough needs root");
	if (config.user && suite->needs_root)
		return skipped("needs root, and user= was given");
	return 0;
}

/* On a disk's file system: tmpfs has neither O_DIRECT alignment nor attributes as the lanes meet them. */
static bool make_base(void)
{
	const char *const places[] = {getenv("TMPDIR"), ".", "/var/tmp", "/tmp"};
	char place[PATH_MAX];
	struct statfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (!places[i] || !realpath(places[i], place) || statfs(place, &fs))
			continue;
		if (fs.f_type == TMPFS_TYPE || fs.f_type == OVERLAY_TYPE)
			continue;
		snprintf(config.base, sizeof(config.base), "%.3000s/sievefs-test.XXXXXX", place);
		if (mkdtemp(config.base))
			return chmod(config.base, 0755) == 0;
	}
	return false;
}

static int private_namespace(void)
{
	char device[PATH_MAX];

	if (geteuid())
		return 0;
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	if (!config.user || config.bare)
		return 0;
	/* An ordinary user needs a /dev/fuse that it may open; only this namespace sees this one. */
	snprintf(device, sizeof(device), "%.3000s/fuse.device", config.base);
	if (mknod(device, S_IFCHR | 0666, makedev(10, 229)) || chmod(device, 0666) ||
		mount(device, "/dev/fuse", NULL, MS_BIND, NULL))
		return -errno;
	return 0;
}

static int become_user(void)
{
	int r;

	if (!config.user)
		return 0;
	r = source_move_base("user");
	if (r == 0 && chown(config.base, config.uid, config.gid))
		r = -errno;
	if (r)
		return r;
	if (setgroups(0, NULL) || setresgid(config.gid, config.gid, config.gid) ||
		setresuid(config.uid, config.uid, config.uid))
		return -errno;
	/* Changing the ids makes the process undumpable, which hides its own /proc/self/fd from it. */
	prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

static const struct suite *current;
static bool ended_cleanly;

static int start_mount(void **state)
{
	snprintf(bare_dir, sizeof(bare_dir), "%.3000s/bare", config.base);
	assert_return_code(mkdir(bare_dir, 0755), errno);
	if (current->mounts)
		mount_start(&mounted, "tree", current->options);
	return 0;
}

static int stop_mount(void **state)
{
	assert_return_code(chdir("/"), errno);
	if (current->mounts)
		mount_stop(&mounted, MOUNT_END_UMOUNT);
	ended_cleanly = true; /* cmocka does not count a failed group teardown */
	return 0;
}

/* Makes every daemon of this run append to this file what its sandbox refuses. */
static void listen_to_sandboxes(char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%.3000s/sandbox.log", config.base);
	setenv("SIEVEFS_SANDBOX_LOG", path, 1);
}

static bool sandbox_refused_something(const char *path)
{
	FILE *log = fopen(path, "re");
	char line[256];
	bool any = false;

	while (log && fgets(line, sizeof(line), log)) {
		print_message("%s", line);
		any = true;
	}
	if (log)
		fclose(log);
	return any;
}

static int run_all(void)
{
	char refused[PATH_MAX];
	int failed;

	listen_to_sandboxes(refused);
	failed = _cmocka_run_group_tests(
		current->name, current->tests, current->test_count, start_mount, stop_mount);

	if (failed || !ended_cleanly)
		mount_show_reports(&mounted, true);
	return failed || !ended_cleanly || sandbox_refused_something(refused);
}

static void pass_on(int signal)
{
	if (tests_child > 0)
		kill(tests_child, SIGKILL);
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[512], *after;
	FILE *file;
	int parent = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fgets(line, sizeof(line), file) && (after = strrchr(line, ')')))
		sscanf(after, ") %*c %d", &parent);
	fclose(file);
	return parent;
}

/* As the subreaper, this process is the parent of whatever the tests left behind. */
static bool kill_children(void)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	bool any = false;

	while (processes && (entry = readdir(processes))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && parent_of(pid) == getpid()) {
			kill(pid, SIGKILL);
			any = true;
		}
	}
	if (processes)
		closedir(processes);
	return any;
}

static void unmount_all(void)
{
	char line[PATH_MAX + 512], point[PATH_MAX], command[PATH_MAX + 64];
	FILE *table = fopen("/proc/self/mountinfo", "re");

	while (table && fgets(line, sizeof(line), table)) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1 ||
			strncmp(point, config.base, strlen(config.base)))
			continue;
		snprintf(command, sizeof(command), "fusermount3 -u -z -q '%s'", point);
		if (umount2(point, MNT_DETACH) && system(command))
			fprintf(stderr, "could not unmount %s\n", point);
	}
	if (table)
		fclose(table);
}

static void clean_up(void)
{
	char command[2 * PATH_MAX + 64];

	unmount_all();
	for (int round = 0; round < 400 && kill_children(); round++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		usleep(5000);
	}
	unmount_all();
	if (config.keep) {
		printf("kept: %s\n", config.base);
		return;
	}
	snprintf(command, sizeof(command), "chattr -R -f -ia '%s' 2>/dev/null; rm -rf --one-file-system '%s'",
		config.base, config.base);
	if (system(command))
		fprintf(stderr, "could not remove %s\n", config.base);
}

static void say_how_to_repeat(int argc, char **argv)
{
	const char *program = getenv("SIEVEFS"), *control = getenv("SIEVECTL");

	printf("repeat: SIEVEFS=%s SIEVECTL=%s", program ? program : "", control ? control : "");
	if (config.bare)
		printf(" SIEVEFS_TEST_BARE=1");
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "--seed=", 7))
			printf(" %s", argv[i]);
	printf(" --seed=%llu\n", (unsigned long long)config.seed);
}

static int run_in_child(void)
{
	int status = 0, r = private_namespace();

	if (r) {
		fprintf(stderr, "no private mount namespace: %s\n", strerror(-r));
		return 1;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(NULL);
	tests_child = fork();
	if (!tests_child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		r = source_move_onto();
		if (r == 0 && (r = become_user())) {
			fprintf(stderr, "could not become an ordinary user: %s\n", strerror(-r));
			r = 1;
		}
		if (r == 0)
			r = run_all();
		fflush(NULL);
		_exit(r);
	}
	while (waitpid(tests_child, &status, 0) != tests_child)
		if (errno != EINTR)
			break;
	if (WIFSIGNALED(status))
		printf("the tests ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int suite_run(const struct suite *suite, int argc, char **argv)
{
	struct sigaction action = {.sa_handler = pass_on};
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	current = suite;
	parse(argc, argv);
	r = may_run(suite);
	if (r)
		return r;
	if (!make_base())
		return skipped("no directory on a disk's file system to work in (TMPDIR names one)");
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	r = run_in_child();
	if (r && r != SKIPPED)
		say_how_to_repeat(argc, argv);
	clean_up();
	return r;
}
