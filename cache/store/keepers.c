#include "cache/store/keepers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/store/keeper.h"

#define KEEPERS_MAX 256
#define MAPPINGS_MAX 60000 /* of the 65,530 that vm.max_map_count allows by default: libraries have some */
#define RETRY_MS 30000

struct keeper {
	pthread_mutex_t lock; /* one request at a time */
	pid_t pid;            /* 0: none runs */
	int socket;
	uint16_t generation; /* of the process: moves with each death */
	uint32_t mappings;
	uint64_t pages;
	bool full; /* the kernel refused another mapping; until one goes */
};

struct keepers {
	const char *program;
	unsigned mappings_max, retry_ms;
	pthread_mutex_t lock;          /* starting; taken before a keeper's */
	_Atomic unsigned count;        /* places ever used; grows */
	_Atomic int64_t not_before_ms; /* after a death nothing new is pinned until then */
	_Atomic uint64_t deaths;
	uint64_t deaths_told;
	struct keeper places[KEEPERS_MAX];
};

/* --- one keeper; its lock is held ------------------------------------------------------------- */

static void bury(struct keepers *keepers, struct keeper *keeper)
{
	close(keeper->socket);
	kill(keeper->pid, SIGKILL); /* or a socket that broke would leave it behind */
	while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
		;
	keeper->pid = 0;
	keeper->generation++;
	keeper->mappings = 0;
	keeper->pages = 0;
	keeper->full = false;
	keepers->deaths++;
}

static int send_request(int socket, const struct keeper_request *request, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)request, .iov_len = sizeof(*request)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *header = &control.align;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	do
		n = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* -EOWNERDEAD: it died, and is buried. Any other error is the keeper's answer. */
static int ask(struct keepers *keepers, struct keeper *keeper, const struct keeper_request *request, int fd,
	uint64_t *address)
{
	struct keeper_reply reply = {0};
	ssize_t n = send_request(keeper->socket, request, fd);

	if (n == 0) {
		do
			n = recv(keeper->socket, &reply, sizeof(reply), 0);
		while (n < 0 && errno == EINTR);
	}
	if (n != sizeof(reply)) {
		bury(keepers, keeper);
		return -EOWNERDEAD;
	}
	*address = reply.address;
	return reply.error;
}

static bool is_dead(const struct keeper *keeper)
{
	char byte;
	ssize_t n = recv(keeper->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* --- starting --------------------------------------------------------------------------------- */

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

/* The keeper's lock is held, or nobody knows it yet. */
static int start(struct keepers *keepers, struct keeper *keeper)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = spawn(keepers->program, ends[1], &keeper->pid);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		keeper->pid = 0;
		return r;
	}
	keeper->socket = ends[0];
	return 0;
}

bool keepers_are_ready(const struct keepers *keepers)
{
	return clock_now_ms() >= keepers->not_before_ms;
}

/* A keeper with room, locked; NULL: there is none, or none may be started now (*error). */
static struct keeper *find_room(struct keepers *keepers, int *error)
{
	struct keeper *unused = NULL;

	*error = -EAGAIN;
	if (!keepers_are_ready(keepers))
		return NULL;
	for (unsigned i = 0; i < keepers->count; i++) {
		struct keeper *keeper = &keepers->places[i];

		lock_take(&keeper->lock, LOCK_KEEPER);
		if (keeper->pid && !keeper->full && keeper->mappings < keepers->mappings_max)
			return keeper;
		if (!keeper->pid && !unused)
			unused = keeper;
		lock_drop(&keeper->lock, LOCK_KEEPER);
	}
	if (!unused && keepers->count < KEEPERS_MAX)
		unused = &keepers->places[keepers->count++];
	*error = -ENOMEM;
	if (!unused)
		return NULL;
	lock_take(&unused->lock, LOCK_KEEPER);
	*error = start(keepers, unused);
	if (*error == 0)
		return unused;
	lock_drop(&unused->lock, LOCK_KEEPER);
	return NULL;
}

static struct keeper *keeper_with_room(struct keepers *keepers, int *error)
{
	struct keeper *keeper;

	lock_take(&keepers->lock, LOCK_KEEPERS);
	keeper = find_room(keepers, error);
	lock_drop(&keepers->lock, LOCK_KEEPERS);
	return keeper;
}

/* --- pins ------------------------------------------------------------------------------------- */

static uint32_t pages_of(uint64_t size)
{
	return (uint32_t)((size + KEEPER_PAGE - 1) / KEEPER_PAGE);
}

static struct keeper *keeper_of(struct keepers *keepers, const struct pin *pin)
{
	return &keepers->places[pin->keeper - 1];
}

static void note_death(struct keepers *keepers)
{
	keepers->not_before_ms = clock_now_ms() + keepers->retry_ms;
}

/* The keeper is locked. */
static void note_pin(
	struct keepers *keepers, struct keeper *keeper, struct pin *pin, uint64_t address, uint32_t pages)
{
	pin->address = address;
	pin->pages = pages;
	pin->keeper = (uint16_t)(keeper - keepers->places + 1);
	pin->generation = keeper->generation;
	keeper->mappings++;
	keeper->pages += pages;
}

static int pin_in(struct keepers *keepers, struct keeper *keeper, const struct keeper_request *request,
	int fd, struct pin *pin)
{
	uint64_t address = 0;
	int r = ask(keepers, keeper, request, fd, &address);

	if (r == 0)
		note_pin(keepers, keeper, pin, address, request->pages);
	/* its share of mappings may be smaller than ours is meant to be; else the machine's memory is short
	 */
	if (r == -ENOMEM && keeper->mappings > keepers->mappings_max / 2)
		keeper->full = true;
	return r;
}

int keepers_pin(struct keepers *keepers, int fd, uint64_t size, uint64_t group, struct pin *pin)
{
	const struct keeper_request request = {.verb = KEEPER_PIN, .pages = pages_of(size), .group = group};
	struct keeper *keeper;
	bool full;
	int r;

	*pin = (struct pin){0};
	if (request.pages == 0)
		return 0;
	do {
		keeper = keeper_with_room(keepers, &r);
		if (!keeper)
			return r;
		r = pin_in(keepers, keeper, &request, fd, pin);
		full = keeper->full;
		lock_drop(&keeper->lock, LOCK_KEEPER);
	} while (full && r == -ENOMEM);
	if (r == -EOWNERDEAD) {
		note_death(keepers);
		return -EAGAIN;
	}
	return r;
}

/* By another mapping, so that what is held stays held if the new pages may not be. */
int keepers_resize(struct keepers *keepers, struct pin *pin, int fd, uint64_t size, uint64_t group)
{
	struct pin next;
	int r = keepers_pin(keepers, fd, size, group, &next);

	if (pin->keeper && !keepers_holds(keepers, pin)) {
		keepers_unpin(keepers, &next);
		return -EOWNERDEAD;
	}
	if (r < 0)
		return r;
	keepers_unpin(keepers, pin);
	*pin = next;
	return 0;
}

void keepers_unpin(struct keepers *keepers, struct pin *pin)
{
	const struct keeper_request request = {
		.verb = KEEPER_UNPIN, .pages = pin->pages, .address = pin->address};
	struct keeper *keeper;

	if (!pin->keeper)
		return;
	keeper = keeper_of(keepers, pin);
	lock_take(&keeper->lock, LOCK_KEEPER);
	if (keeper->pid && keeper->generation == pin->generation) {
		keeper->mappings--;
		keeper->pages -= pin->pages;
		keeper->full = false;
		/* if it can't be told, it is dead, which the next check notices */
		send_request(keeper->socket, &request, -1);
	}
	lock_drop(&keeper->lock, LOCK_KEEPER);
	*pin = (struct pin){0};
}

bool keepers_holds(struct keepers *keepers, const struct pin *pin)
{
	struct keeper *keeper;
	bool holds;

	if (!pin->keeper)
		return false;
	keeper = keeper_of(keepers, pin);
	lock_take(&keeper->lock, LOCK_KEEPER);
	holds = keeper->pid && keeper->generation == pin->generation;
	lock_drop(&keeper->lock, LOCK_KEEPER);
	return holds;
}

unsigned keepers_check(struct keepers *keepers)
{
	unsigned died = 0, deaths;

	for (unsigned i = 0; i < keepers->count; i++) {
		struct keeper *keeper = &keepers->places[i];

		lock_take(&keeper->lock, LOCK_KEEPER);
		if (keeper->pid && is_dead(keeper)) {
			bury(keepers, keeper);
			died++;
		}
		lock_drop(&keeper->lock, LOCK_KEEPER);
	}
	if (died)
		note_death(keepers);
	lock_take(&keepers->lock, LOCK_KEEPERS);
	deaths = (unsigned)(keepers->deaths - keepers->deaths_told);
	keepers->deaths_told = keepers->deaths;
	lock_drop(&keepers->lock, LOCK_KEEPERS);
	return deaths;
}

void keepers_read_figures(struct keepers *keepers, struct keepers_figures *figures)
{
	*figures = (struct keepers_figures){.deaths = keepers->deaths};
	for (unsigned i = 0; i < keepers->count; i++) {
		struct keeper *keeper = &keepers->places[i];

		lock_take(&keeper->lock, LOCK_KEEPER);
		figures->keepers += keeper->pid != 0;
		figures->pins += keeper->mappings;
		figures->pages += keeper->pages;
		lock_drop(&keeper->lock, LOCK_KEEPER);
	}
}

/* --- life ------------------------------------------------------------------------------------- */

int keepers_new(struct keepers **ret, const struct keepers_options *options)
{
	struct keepers *keepers = calloc(1, sizeof(*keepers));
	int r;

	if (!keepers)
		return -ENOMEM;
	keepers->program = options->program;
	keepers->mappings_max = options->mappings_max ? options->mappings_max : MAPPINGS_MAX;
	keepers->retry_ms = options->retry_ms ? options->retry_ms : RETRY_MS;
	pthread_mutex_init(&keepers->lock, NULL);
	for (unsigned i = 0; i < KEEPERS_MAX; i++)
		pthread_mutex_init(&keepers->places[i].lock, NULL);
	r = start(keepers, &keepers->places[keepers->count++]);
	if (r < 0) {
		keepers_free(keepers);
		return r;
	}
	*ret = keepers;
	return 0;
}

void keepers_free(struct keepers *keepers)
{
	if (!keepers)
		return;
	for (unsigned i = 0; i < keepers->count; i++) {
		struct keeper *keeper = &keepers->places[i];

		if (keeper->pid)
			bury(keepers, keeper);
	}
	for (unsigned i = 0; i < KEEPERS_MAX; i++)
		pthread_mutex_destroy(&keepers->places[i].lock);
	pthread_mutex_destroy(&keepers->lock);
	free(keepers);
}
