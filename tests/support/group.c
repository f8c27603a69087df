#include "tests/support/group.h"
#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char group[PATH_MAX], home[PATH_MAX];
static bool is_v2;

static bool write_text(const char *folder, const char *name, const char *text)
{
	char path[PATH_MAX];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "%.3000s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

/* The group of this process, from lines such as "4:memory:/a/b" and "0::/a/b". */
static bool find_home(const char *controller)
{
	char line[PATH_MAX], key[64];
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;

	snprintf(key, sizeof(key), is_v2 ? "0::" : ":%s:", controller);
	while (file && !found && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, key);

		line[strcspn(line, "\n")] = 0;
		found = at && (!is_v2 || at == line);
		if (found)
			snprintf(home, sizeof(home), "/sys/fs/cgroup%s%.50s%.3000s", is_v2 ? "" : "/",
				is_v2 ? "" : controller, at + strlen(key));
	}
	if (file)
		fclose(file);
	return found;
}

static bool make(const char *root, const char *controller)
{
	char path[PATH_MAX];

	snprintf(group, sizeof(group), "%s/sievefs-test-%d", root, getpid());
	if (mkdir(group, 0755))
		return false;
	snprintf(path, sizeof(path), "%.3000s/%s", group,
		strcmp(controller, "memory") ? "pids.max"
		: is_v2                      ? "memory.max"
					     : "memory.limit_in_bytes");
	if (access(path, W_OK) == 0 && find_home(controller))
		return true;
	rmdir(group);
	return false;
}

bool group_begin(const char *controller)
{
	char root[PATH_MAX], word[64];

	snprintf(root, sizeof(root), "/sys/fs/cgroup/%s", controller);
	is_v2 = false;
	if (make(root, controller))
		return true;
	is_v2 = true;
	snprintf(word, sizeof(word), "+%s", controller);
	write_text("/sys/fs/cgroup", "cgroup.subtree_control", word);
	if (make("/sys/fs/cgroup", controller))
		return true;
	*group = 0;
	return false;
}

void group_set(const char *name_v1, const char *name_v2, const char *value)
{
	if (!write_text(group, is_v2 ? name_v2 : name_v1, value))
		fail_msg("%s/%s = %s: %s", group, is_v2 ? name_v2 : name_v1, value, strerror(errno));
}

long long group_number(const char *name_v1, const char *name_v2, const char *key)
{
	char path[PATH_MAX], line[256];
	long long number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%.3000s/%s", group, is_v2 ? name_v2 : name_v1);
	file = fopen(path, "re");
	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ' ')
			number = strtoll(line + strlen(key), NULL, 10);
	if (file)
		fclose(file);
	return number;
}

long long group_oom_kills(void)
{
	return group_number("memory.oom_control", "memory.events", "oom_kill");
}

static void move_to(const char *folder)
{
	if (!write_text(folder, "cgroup.procs", "0"))
		fail_msg("%s: %s", folder, strerror(errno));
}

void group_enter(void)
{
	move_to(group);
}

void group_leave(void)
{
	move_to(home);
}

void group_read(int fd, off_t offset, unsigned pages)
{
	char bytes[4096];
	int status;
	pid_t child;

	/* no page more than it asks for */
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
	fflush(NULL);
	child = fork();
	if (!child) {
		group_enter();
		for (unsigned i = 0; i < pages; i++)
			if (pread(fd, bytes, sizeof(bytes), offset + (off_t)(i * sizeof(bytes))) !=
				sizeof(bytes))
				_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL);
}

const char *group_procs(void)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/cgroup.procs", group);
	return path;
}

static void kill_members(void)
{
	FILE *file = fopen(group_procs(), "re");
	int pid;

	while (file && fscanf(file, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	if (file)
		fclose(file);
}

int group_end(void **state)
{
	if (!*group)
		return 0;
	write_text(home, "cgroup.procs", "0");
	for (int i = 0; i < 500 && rmdir(group) && errno == EBUSY; i++) {
		kill_members();
		poll(NULL, 0, 10);
	}
	*group = 0;
	return 0;
}
