/*
 * standard_fds - makes sure that descriptors 0, 1 and 2 are open before a program opens anything of its own.
 *
 * A program that was started with one of them closed would get that number for a file, a ring or a mount, and
 * then write its messages there. Every program calls this first. A missing descriptor is opened in the wrong
 * direction (0 for writing, 1 and 2 for reading), so that using it is still an error.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static inline void standard_fds_take(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int got;

		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		got = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
		if (got < 0)
			got = open("/", O_PATH);
		if (got != fd)
			exit(EXIT_FAILURE); /* and there is nowhere to say why */
	}
}
