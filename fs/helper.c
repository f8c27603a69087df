#include "fs/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/base/log.h"

/* Gives up what would keep other processes waiting, or could end this process before the daemon. */
static void leave_everything_but(int socket, const char *name)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (socket > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)socket - 1, 0);
	close_range((unsigned)socket + 1, ~0U, 0);
	(void)!chdir("/");
	for (int number = 1; number < NSIG; number++)
		signal(number, number == SIGCHLD ? SIG_DFL : SIG_IGN);
	prctl(PR_SET_NAME, name);
	log_set_sink(log_to_syslog);
}

ssize_t helper_receive(int socket, void *message, size_t size)
{
	ssize_t n;

	do
		n = read(socket, message, size);
	while (n < 0 && errno == EINTR);
	return n;
}

pid_t helper_start(
	const char *name, void (*run)(int socket, const void *context), const void *context, int *socket)
{
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		close(ends[1]);
		leave_everything_but(ends[0], name);
		run(ends[0], context);
		_exit(0);
	}
	close(ends[0]);
	if (child < 0) {
		close(ends[1]);
		return -EAGAIN;
	}
	*socket = ends[1];
	return child;
}
