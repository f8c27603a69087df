#include "cache/store/keeper_process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int spawn(const char *program, int socket, pid_t *pid)
{
	char name[] = KEEPER_NAME, *argv[] = {name, NULL};
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	/* also where the number is the same already: that clears close-on-exec */
	r = posix_spawn_file_actions_adddup2(&actions, socket, KEEPER_SOCKET);
	if (r == 0)
		r = posix_spawn(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int keeper_process_start(struct keeper_process *process, const char *program)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = spawn(program, ends[1], &process->pid);
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
	close(process->socket);
	kill(process->pid, SIGKILL); /* or a socket that broke would leave it behind */
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
		;
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

int keeper_process_ask(const struct keeper_process *process, const struct keeper_request *requests,
	const int *fds, struct keeper_reply *replies, unsigned count)
{
	size_t size = count * sizeof(*replies);
	ssize_t n = keeper_process_tell(process, requests, fds, count);

	if (n == 0) {
		do
			n = recv(process->socket, replies, size, 0);
		while (n < 0 && errno == EINTR);
	}
	return n == (ssize_t)size ? 0 : -EOWNERDEAD;
}

bool keeper_process_is_dead(const struct keeper_process *process)
{
	char byte;
	ssize_t n = recv(process->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}
