/* The command: reads the options, goes into the background, runs the mount. */
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/base/standard_fds.h"
#include "cache/store/keeper.h"
#include "fs/options/options.h"
#include "fs/remount.h"
#include "fs/session.h"

static int ready_pipe = -1; /* the parent waits at its other end */

static void in_foreground(void)
{
}

/* Leaves the caller's process group only now: until the mount is made, an automount point is open only to its
 * automounter's process group. */
static void in_background(void)
{
	int null = open("/dev/null", O_RDWR);
	char byte = 0;

	setsid();
	if (chdir("/") < 0)
		log_warning("cannot leave the working directory");
	log_set_sink(log_to_syslog);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	if (write(ready_pipe, &byte, 1) < 0)
		log_error("the parent process is gone");
	close(ready_pipe);
}

/* The parent's part: 0 once the mount answers, else the child's exit status. */
static int wait_for_child(pid_t child, int pipe_end)
{
	char byte;
	int status = 0;

	if (read(pipe_end, &byte, 1) == 1)
		return 0;
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

static int run_in_background(struct options *options)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		perror("sievefs: going into the background");
		return 1;
	}
	if (child > 0) {
		close(ends[1]);
		return wait_for_child(child, ends[0]);
	}
	close(ends[0]);
	ready_pipe = ends[1];
	return session_run(options, in_background);
}

int main(int argc, char **argv)
{
	struct options options;
	g_autofree char *error = NULL, *text = NULL;
	int status = 0;

	if (strcmp(argv[0], KEEPER_NAME) == 0)
		keeper_main(KEEPER_SOCKET, argv);
	standard_fds_take();
	options_init(&options);
	if (options_parse(&options, argc, argv, &error) < 0) {
		fprintf(stderr, "sievefs: %s\n", error);
		options_deinit(&options);
		return 1;
	}
	log_set_level(options.debug ? LOG_LEVEL_DEBUG : options.log);
	switch (options.action) {
	case OPTIONS_HELP:
		text = options_help();
		fputs(text, stdout);
		break;
	case OPTIONS_VERSION:
		puts("sievefs " SIEVEFS_VERSION);
		break;
	case OPTIONS_CHECK:
		break;
	case OPTIONS_REMOUNT:
		status = remount(&options);
		break;
	case OPTIONS_MOUNT:
		status = options.foreground ? session_run(&options, in_foreground)
					    : run_in_background(&options);
		break;
	}
	options_deinit(&options);
	return status;
}
