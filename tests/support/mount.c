#include "tests/support/mount.h"
#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_LIMIT_MS 20000
#define STOP_LIMIT_MS 30000
#define STEP_MS 5

static void append(char *options, size_t size, const char *more)
{
	size_t used = strlen(options);

	snprintf(options + used, size - used, "%s%s", used ? "," : "", more);
}

/* What sends every file down one lane as far as options can: see the table of lanes in the README. */
static const char *lane_options(const char *lane)
{
	static const struct {
		const char *lane, *options;
	} table[] = {
		{"plain", "admit=0,mid=plain,large=plain"},
		{"cached", "admit=1,settle=0,small_max=1M,cache_size=64M"},
		{"copied", "store=copy,admit=1,settle=0,small_max=1M,cache_size=64M"},
		{"direct", "admit=0,small_max=4K,large_min=4K,mid=direct,large=direct"},
		{"trailed", "admit=0,small_max=4K,large_min=4K,mid=plain,large=trail"},
		{"written", "admit=0,small_max=4K,large_min=4K,mid=plain,large=trail,large_write=trail"},
		{"mixed",
			"admit=1,settle=0,small_max=16K,large_min=64K,mid=plain,large=stream,cache_size=2M"},
		{"served", "admit=1,settle=0,small_max=16K,large_min=64K,mid=plain,large=direct,cache_size="
			   "2M,passthrough=off"},
	};

	for (size_t i = 0; lane && i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(lane, table[i].lane))
			return table[i].options;
	return NULL;
}

void mount_config_options(char *options, size_t size)
{
	char word[64];

	*options = 0;
	if (lane_options(config.lane))
		append(options, size, lane_options(config.lane));
	if (config.transport) {
		snprintf(word, sizeof(word), "transport=%s", config.transport);
		append(options, size, word);
	}
	if (config.passthrough) {
		snprintf(word, sizeof(word), "passthrough=%s", config.passthrough);
		append(options, size, word);
	}
}

bool mount_is_on(const char *path)
{
	char line[PATH_MAX + 512], want[PATH_MAX + 2];
	FILE *table = fopen("/proc/self/mountinfo", "re");
	bool found = false;

	snprintf(want, sizeof(want), " %s ", path);
	while (table && !found && fgets(line, sizeof(line), table))
		found = strstr(line, want) != NULL;
	if (table)
		fclose(table);
	return found;
}

/* The mount table alone does not tell that the daemon answers: statfs has to come back too. */
static bool answers(const char *path)
{
	struct stat st;

	return mount_is_on(path) && stat(path, &st) == 0;
}

bool mount_wait(const char *path, bool mounted_wanted, int limit_ms)
{
	for (int waited_ms = 0; waited_ms <= limit_ms; waited_ms += STEP_MS) {
		if (mounted_wanted ? answers(path) : !mount_is_on(path))
			return true;
		poll(NULL, 0, STEP_MS);
	}
	return false;
}

static void make_dir(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		fail_msg("mkdir %s: %s", path, strerror(errno));
}

void mount_prepare(struct mount *mount, const char *name)
{
	*mount = (struct mount){.source_fd = -1};
	snprintf(mount->source, PATH_MAX, "%.3000s/%s.source", config.base, name);
	snprintf(
		mount->point, PATH_MAX, "%.3000s/%s.%s", config.base, name, config.bare ? "source" : "mount");
	snprintf(mount->log, PATH_MAX, "%.3000s/%s.log", config.base, name);
	snprintf(mount->report, PATH_MAX, "%.3000s/%s.sanitizer", config.base, name);
	make_dir(mount->source);
	make_dir(mount->point);
}

/* Sanitizers report into files, so that a report can't be lost in the log and is found whatever the exit
 * status. */
static void sanitizer_environment(const struct mount *mount)
{
	static const char *const names[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
	char value[PATH_MAX + 512];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *old = getenv(names[i]);

		snprintf(value, sizeof(value), "%.400s%slog_path=%.3500s:print_stacktrace=1", old ? old : "",
			old ? ":" : "", mount->report);
		setenv(names[i], value, 1);
	}
}

static void become_daemon(const struct mount *mount)
{
	char *argv[] = {getenv("SIEVEFS"), (char *)"-f", (char *)"-o", (char *)mount->options,
		(char *)mount->source, (char *)mount->point, NULL};
	int log = open(mount->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	sanitizer_environment(mount);
	if (config.descriptors)
		setenv("SIEVEFS_DESCRIPTORS", config.descriptors, 1);
	if (!*mount->options)
		memmove(argv + 2, argv + 4, 3 * sizeof(*argv));
	execv(argv[0], argv);
	fprintf(stderr, "exec %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static bool collect(struct mount *mount, int *status, int limit_ms)
{
	for (int waited_ms = 0; waited_ms <= limit_ms; waited_ms += STEP_MS) {
		pid_t got = waitpid(mount->daemon, status, WNOHANG);

		if (got == mount->daemon)
			return true;
		poll(NULL, 0, STEP_MS);
	}
	return false;
}

void mount_start(struct mount *mount, const char *name, const char *options)
{
	int status;

	mount_prepare(mount, name);
	if (config.bare)
		return;
	mount_config_options(mount->options, sizeof(mount->options));
	if (options && *options)
		append(mount->options, sizeof(mount->options), options);
	mount->daemon = suite_fork();
	assert_return_code(mount->daemon, errno);
	if (!mount->daemon)
		become_daemon(mount);
	for (int waited_ms = 0; waited_ms < START_LIMIT_MS; waited_ms += STEP_MS) {
		if (answers(mount->point))
			return;
		if (waitpid(mount->daemon, &status, WNOHANG) == mount->daemon) {
			mount->daemon = 0;
			mount_show_reports(mount, true);
			fail_msg("%s -o %s ended at once, status %#x", getenv("SIEVEFS"), mount->options,
				status);
		}
		poll(NULL, 0, STEP_MS);
	}
	mount_show_reports(mount, true);
	fail_msg("%s -o %s did not mount in %d ms", getenv("SIEVEFS"), mount->options, START_LIMIT_MS);
}

int mount_umount(const char *path)
{
	char *as_root[] = {(char *)"umount", (char *)path, NULL};
	char *as_user[] = {(char *)"fusermount3", (char *)"-u", (char *)path, NULL};
	char output[512];
	int r = program_run(geteuid() ? as_user : as_root, output, sizeof(output));

	if (r)
		print_message("umount %s: %s", path, output);
	return r;
}

/* A process that looks at /proc/PID of a program from there keeps the mount busy for a moment after the
 * program has ended. */
static void umount_soon(const char *path)
{
	int r = mount_umount(path);

	for (int tries = 0; r && tries < 5; tries++) {
		poll(NULL, 0, 200);
		r = mount_umount(path);
	}
	assert_int_equal(r, 0);
}

void mount_stop(struct mount *mount, enum mount_end end)
{
	int status = 0;

	if (!mount->daemon)
		return;
	if (end == MOUNT_END_UMOUNT)
		umount_soon(mount->point);
	else
		kill(mount->daemon, end == MOUNT_END_SIGTERM ? SIGTERM : SIGINT);
	if (!collect(mount, &status, STOP_LIMIT_MS)) {
		mount_show_reports(mount, true);
		fail_msg("the daemon did not end within %d ms", STOP_LIMIT_MS);
	}
	mount->daemon = 0;
	if (mount_show_reports(mount, false))
		fail_msg("a sanitizer reported something");
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		mount_show_reports(mount, true);
		fail_msg("the daemon ended with status %#x", status);
	}
	if (!mount_wait(mount->point, false, 1000))
		fail_msg("%s is still mounted after the daemon's end", mount->point);
}

int mount_open_cached(const struct mount *mount, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%.1000s", mount->point, name);
	for (int tries = 0; tries < 200; tries++) {
		long long before = mount_stat(mount, "cached/opens");
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		assert_return_code(fd, errno);
		if (mount_stat(mount, "cached/opens") > before)
			return fd;
		close(fd);
		poll(NULL, 0, STEP_MS);
	}
	fail_msg("%s does not come into the cache", path);
	return -1;
}

static void show_file(const char *path)
{
	char text[8192];
	FILE *file = fopen(path, "re");
	size_t length;

	if (!file)
		return;
	if (fseek(file, -(long)sizeof(text) + 1, SEEK_END))
		rewind(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = 0;
	fclose(file);
	if (length)
		print_message("--- %s\n%s\n---\n", path, text);
}

bool mount_show_reports(const struct mount *mount, bool with_log)
{
	char pattern[PATH_MAX + 8];
	glob_t found;
	bool any;

	if (with_log)
		show_file(mount->log);
	snprintf(pattern, sizeof(pattern), "%s.*", mount->report);
	any = glob(pattern, 0, NULL, &found) == 0;
	for (size_t i = 0; any && i < found.gl_pathc; i++)
		show_file(found.gl_pathv[i]);
	globfree(&found);
	return any;
}

void path_below(char path[PATH_MAX], const char *root, const char *name)
{
	snprintf(path, PATH_MAX, "%.3000s/%s", root, name);
}

int open_below(const char *root, const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	path_below(path, root, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	return fd;
}
