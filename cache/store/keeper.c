#include "cache/store/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache/sandbox/sandbox.h"
#include "cache/store/charged.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define NOBODY 65534
#define AROUND 65536

static void *at(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

static size_t bytes_of(uint32_t pages)
{
	return (size_t)pages * KEEPER_PAGE;
}

/* --- one message ------------------------------------------------------------------------------ */

static int populate(void *memory, size_t size)
{
	int r;

	do
		r = madvise(memory, size, MADV_POPULATE_READ);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r < 0 ? -EFAULT : 0;
}

/* Maps pages that are in the page cache, at less cost than populate(): a page fault maps the pages around it,
 * too (fault_around_bytes). */
static void map_around(char *memory, size_t size)
{
	size_t last = size - KEEPER_PAGE;

	for (size_t at = 0;; at = last - at < AROUND ? last : at + AROUND) {
		populate(memory + at, KEEPER_PAGE);
		if (at == last)
			return;
	}
}

static bool may_be_held(const struct charged *charged, uint64_t group, void *memory, size_t size)
{
	return charged && charged_to(charged, group, memory, size);
}

/* Locks nothing before it is known which group is charged for it. MLOCK_ONFAULT, since mlock(2) returns
 * ENOMEM both for a page that the file lost meanwhile and for a limit. */
static int hold(const struct charged *charged, uint64_t group, void *memory, size_t size)
{
	bool is_known = false;
	int r;

	if (group) {
		map_around(memory, size);
		is_known = may_be_held(charged, group, memory, size); /* if so, all pages are mapped */
	}
	if (!is_known) {
		r = populate(memory, size);
		if (r < 0)
			return r;
		if (group && !may_be_held(charged, group, memory, size))
			return -EBUSY;
	}
	return syscall(SYS_mlock2, memory, size, MLOCK_ONFAULT) < 0 ? -errno : 0;
}

static int pin(const struct charged *charged, const struct keeper_request *request, int fd, uint64_t *address)
{
	size_t size = bytes_of(request->pages);
	void *memory;
	int r;

	if (fd < 0)
		return -EBADF;
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	r = hold(charged, request->group, memory, size);
	if (r < 0)
		munmap(memory, size);
	else
		*address = (uintptr_t)memory;
	return r;
}

struct message {
	struct keeper_request requests[KEEPER_BATCH];
	unsigned count;
	int fds[KEEPER_BATCH]; /* received, in the order of the requests that need one */
	unsigned fd_count;
};

static void pin_all(
	const struct charged *charged, const struct message *message, struct keeper_reply *replies)
{
	bool is_short = false;

	for (unsigned i = 0; i < message->count; i++) {
		const struct keeper_request *request = &message->requests[i];

		replies[i] = (struct keeper_reply){.error = -EINVAL};
		if (is_short)
			replies[i].error = -ENOMEM;
		else if (request->verb == KEEPER_PIN && i < message->fd_count)
			replies[i].error = pin(charged, request, message->fds[i], &replies[i].address);
		is_short = replies[i].error == -ENOMEM;
	}
}

static void close_all(const struct message *message)
{
	for (unsigned i = 0; i < message->fd_count; i++)
		close(message->fds[i]);
}

/* False: the sender of the requests is gone. */
static bool obey(const struct charged *charged, const struct message *message, int socket)
{
	const struct keeper_request *first = message->requests;
	struct keeper_reply replies[KEEPER_BATCH];

	if (message->count == 1 && first->verb == KEEPER_UNPIN) {
		munmap(at(first->address), bytes_of(first->pages));
		close_all(message);
		return true;
	}
	pin_all(charged, message, replies);
	close_all(message); /* before the reply: the sender may then check whether the files are in use */
	return send(socket, replies, message->count * sizeof(*replies), MSG_NOSIGNAL) >= 0;
}

/* Returns the message's size, 0 at the end, or -errno. */
static ssize_t receive(int socket, struct message *message)
{
	union {
		char bytes[CMSG_SPACE(sizeof(message->fds))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct iovec part = {.iov_base = message->requests, .iov_len = sizeof(message->requests)};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *rights;
	ssize_t n;

	do
		n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	message->count = (unsigned)((size_t)n / sizeof(message->requests[0]));
	message->fd_count = 0;
	rights = CMSG_FIRSTHDR(&header);
	if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS) {
		size_t size = rights->cmsg_len - CMSG_LEN(0);

		memcpy(message->fds, CMSG_DATA(rights), size);
		message->fd_count = (unsigned)(size / sizeof(message->fds[0]));
	}
	return n;
}

/* --- life ------------------------------------------------------------------------------------- */

static void be_the_first_to_go(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1000", 4) < 0) {
		/* then the OOM killer weighs it by its size, like other processes */
	}
	close(fd);
}

/* Signals that end the daemon are sent to its whole process group or unit: a keeper must end with the daemon,
 * not before it. */
static void leave_signals_to_the_daemon(void)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE};

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_IGN);
}

/* Errors are ignored: an ordinary user's keeper has no privileges to drop. */
static void drop_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2] = {{0}};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
		setresuid(NOBODY, NOBODY, NOBODY) == 0)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	caps[CAP_TO_INDEX(CAP_IPC_LOCK)].permitted = CAP_TO_MASK(CAP_IPC_LOCK);
	caps[CAP_TO_INDEX(CAP_IPC_LOCK)].effective = CAP_TO_MASK(CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, caps) < 0) {
		memset(caps, 0, sizeof(caps));
		syscall(SYS_capset, &header, caps);
	}
}

static void close_all_but(int socket)
{
	if (syscall(SYS_close_range, socket + 1, ~0U, 0) < 0)
		for (int fd = socket + 1; fd < 1024; fd++)
			close(fd);
	for (int fd = 0; fd < socket; fd++)
		close(fd);
}

_Noreturn void keeper_main(int socket, char **argv)
{
	struct charged *charged = NULL;
	struct message message;
	bool goes_on = true;
	ssize_t n = 0;

	prctl(PR_SET_NAME, KEEPER_NAME, 0, 0, 0);
	leave_signals_to_the_daemon();
	be_the_first_to_go();
	close_all_but(socket);
	charged_new(&charged); /* only root may; NULL: it is not known which group pays for a page */
	drop_privileges();
	if (argv[1] && strcmp(argv[1], KEEPER_IN_SANDBOX) == 0)
		sandbox_keeper(socket); /* the daemon logs that a kernel has no filters */
	while (goes_on && (n = receive(socket, &message)) > 0)
		goes_on = obey(charged, &message, socket);
	_exit(n < 0 ? 1 : 0); /* it has nothing to clean up, and its owner may already be killing it */
}
