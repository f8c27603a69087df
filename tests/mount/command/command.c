#include "tests/mount/command/command.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char command_output[16384];

/* Runs the daemon's program with the given words after -o (NULL: no -o) and without -f: it returns when
 * mounted or refused. */
int command_start(struct mount *mount, const char *options)
{
	char *argv[] = {getenv("SIEVEFS"), (char *)"-o", (char *)options, mount->source, mount->point, NULL};
	char *bare[] = {argv[0], mount->source, mount->point, NULL};

	return program_run(options ? argv : bare, command_output, sizeof(command_output));
}

unsigned command_line_count(const char *text)
{
	unsigned count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

void command_assert_answers(const struct mount *mount)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%.3000s/hello", mount->point);
	assert_return_code(stat(path, &st), errno);
	assert_int_equal(st.st_size, 100);
}

void command_prepare(struct mount *mount, const char *name)
{
	char path[PATH_MAX];

	mount_prepare(mount, name);
	snprintf(path, sizeof(path), "%.3000s/hello", mount->source);
	assert_return_code(put_file(path, 100, 1), errno);
}

/* sieve-asker or sieve-guard, with the command line of the daemon that forked it. */
static bool is_helper(const char *pid)
{
	char path[300], name[32] = "";
	FILE *comm;

	snprintf(path, sizeof(path), "/proc/%.250s/comm", pid);
	comm = fopen(path, "re");
	if (!comm)
		return false;
	(void)!fgets(name, sizeof(name), comm);
	fclose(comm);
	return strncmp(name, "sieve-", strlen("sieve-")) == 0;
}

/* By its command line: the daemon that serves a mount, or also a process that it forked. */
static pid_t find_process(const char *point, bool or_helper)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (!found && (entry = readdir(processes))) {
		static char line[3 * PATH_MAX];
		char path[300];
		ssize_t length;
		int fd;

		snprintf(path, sizeof(path), "/proc/%.250s/cmdline", entry->d_name);
		fd = atoi(entry->d_name) > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		length = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
		if (fd >= 0)
			close(fd);
		for (ssize_t i = 0; i < length; i++)
			if (!line[i])
				line[i] = ' ';
		line[length > 0 ? length : 0] = 0;
		if (length > 0 && strstr(line, point) && strstr(line, "sievefs") &&
			(or_helper || !is_helper(entry->d_name)))
			found = atoi(entry->d_name);
	}
	closedir(processes);
	return found;
}

pid_t command_find_daemon(const char *point)
{
	return find_process(point, false);
}

void command_assert_gone(const struct mount *mount)
{
	assert_true(mount_wait(mount->point, false, 10000));
	for (int i = 0; i < 1000 && find_process(mount->point, true); i++)
		poll(NULL, 0, 10);
	assert_int_equal(find_process(mount->point, true), 0);
}
