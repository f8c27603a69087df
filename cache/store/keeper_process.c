#include "cache/store/keeper_process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/sandbox/sandbox.h"

static int spawn(const char *program, bool sandboxed, int socket, pid_t *pid)
{
	char name[] = KEEPER_NAME, sandbox[] = KEEPER_IN_SANDBOX;
	char *argv[] = {name, sandboxed ? sandbox : NULL, NULL};
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	/* needed even if the number is the same already, since it clears close-on-exec */
	r = posix_spawn_file_actions_adddup2(&actions, socket, KEEPER_SOCKET);
	if (r == 0)
		r = posix_spawn(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int keeper_process_start(struct keeper_process *process, const char *program, bool sandboxed)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = spawn(program, sandboxed, ends[1], &process->pid);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		process->pid = 0;
		return r;
	}
	process->socket = ends[0];
	return 0;
}

void keeper_process_end(struct keeper_process *process)
{
	int status = 0;

	close(process->socket);
	kill(process->pid, SIGKILL); /* else a broken socket would leave the process behind */
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_error("sandbox: refused a keeper a system call at its start, which ended it");
	process->pid = 0;
}

int keeper_process_tell(const struct keeper_process *process, const struct keeper_request *requests,
	const int *fds, unsigned count)
{
	union {
		char bytes[CMSG_SPACE(KEEPER_BATCH * sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)requests, .iov_len = count * sizeof(*requests)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (fds) {
		struct cmsghdr *header = &control.align;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(*fds));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(*fds));
		memcpy(CMSG_DATA(header), fds, count * sizeof(*fds));
	}
	do
		n = sendmsg(process->socket, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Returns a message's size, as recv(2). Messages on calls that the keeper's sandbox refused are logged, not
 * returned. */
static ssize_t receive(const struct keeper_process *process, void *message, size_t size, int flags)
{
	struct sandbox_refused refused;
	ssize_t n;

	for (;;) {
		n = recv(process->socket, message, size, flags);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(refused))
			return n;
		memcpy(&refused, message, sizeof(refused));
		if (flags & MSG_PEEK)
			recv(process->socket, &refused, sizeof(refused), 0);
		sandbox_log_refused("a keeper", refused.number);
	}
}

int keeper_process_ask(const struct keeper_process *process, const struct keeper_request *requests,
	const int *fds, struct keeper_reply *replies, unsigned count)
{
	size_t size = count * sizeof(*replies);
	ssize_t n = keeper_process_tell(process, requests, fds, count);

	if (n == 0)
		n = receive(process, replies, size, 0);
	return n == (ssize_t)size ? 0 : -EOWNERDEAD;
}

bool keeper_process_is_dead(const struct keeper_process *process)
{
	char bytes[sizeof(struct keeper_reply)];
	ssize_t n = receive(process, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN);
}
