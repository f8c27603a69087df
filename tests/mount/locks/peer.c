#include "tests/mount/locks/peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct mount second;
const char *const kind_names[KINDS] = {"flock", "fcntl", "OFD"};
const char *const side_names[SIDES] = {"SOURCE", "the mount", "another mount"};

const char *path_on(enum side side)
{
	static char paths[SIDES][PATH_MAX];
	const char *const roots[] = {mounted.source, mounted.point, second.point};

	snprintf(paths[side], PATH_MAX, "%.3000s/file", roots[side]);
	return paths[side];
}

int open_on(enum side side, int flags)
{
	int fd = open(path_on(side), flags | O_CLOEXEC);

	assert_return_code(fd, errno);
	return fd;
}

void make_file(void)
{
	int fd;

	unlink(path_on(SOURCE));
	fd = open(path_on(SOURCE), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "\0\0\0\0", 4), 4);
	close(fd);
	/* wait until the mounts have forgotten the file that it replaces */
	for (int side = MOUNT; side < SIDES; side++) {
		struct stat st, real;

		assert_return_code(stat(path_on(SOURCE), &real), errno);
		for (int ms = 0; ms < 3000 && (stat(path_on(side), &st) < 0 || st.st_ino != real.st_ino);
			ms += 20)
			poll(NULL, 0, 20);
	}
}

int range_lock(int fd, int command, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return fcntl(fd, command, &lock) < 0 ? -errno : 0;
}

int lock(int fd, enum kind kind, short type, bool wait)
{
	int operation = type == F_RDLCK ? LOCK_SH : type == F_WRLCK ? LOCK_EX : LOCK_UN;

	switch (kind) {
	case FLOCK:
		return flock(fd, operation | (wait ? 0 : LOCK_NB)) < 0 ? -errno : 0;
	case PROCESS:
		return range_lock(fd, wait ? F_SETLKW : F_SETLK, type, 0, 0);
	default:
		return range_lock(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, type, 0, 0);
	}
}

int lock_soon(int fd, enum kind kind, short type)
{
	int r = lock(fd, kind, type, false);

	for (int ms = 0; r == -EAGAIN && ms < 5000; ms += 5) {
		poll(NULL, 0, 5);
		r = lock(fd, kind, type, false);
	}
	return r;
}

void say(int fd, int result)
{
	if (write(fd, &result, sizeof(result)) != sizeof(result))
		_exit(9);
}

int wait_for_word(struct peer *peer, int ms)
{
	struct pollfd said = {.fd = peer->said, .events = POLLIN};
	int result = -ETIMEDOUT;

	if (poll(&said, 1, ms) == 1 && read(peer->said, &result, sizeof(result)) != sizeof(result))
		result = -EPIPE;
	return result;
}

struct peer peer_start(enum side side, enum kind kind, short type, bool wait)
{
	struct peer peer;
	int from[2], to[2];
	char byte;

	assert_int_equal(pipe2(from, O_CLOEXEC) | pipe2(to, O_CLOEXEC), 0);
	peer = (struct peer){.pid = suite_fork(), .said = from[0], .tell = to[1]};
	assert_return_code(peer.pid, errno);
	if (!peer.pid) {
		int fd = open(path_on(side), O_RDWR | O_CLOEXEC);

		close(to[1]);
		say(from[1], fd < 0 ? -errno : wait ? lock(fd, kind, type, true) : lock_soon(fd, kind, type));
		_exit(read(to[0], &byte, 1) != 1 || close(fd) != 0);
	}
	close(from[1]);
	close(to[0]);
	return peer;
}

struct peer peer_with_lock(enum side side, enum kind kind, short type)
{
	struct peer peer = peer_start(side, kind, type, false);

	assert_int_equal(wait_for_word(&peer, 10000), 0);
	return peer;
}

struct peer peer_that_waits(enum side side, enum kind kind, short type)
{
	struct peer peer = peer_start(side, kind, type, true);

	assert_int_equal(wait_for_word(&peer, 50), -ETIMEDOUT);
	return peer;
}

void peer_end(struct peer *peer)
{
	int status;

	/* not EOF: peers forked later have the pipe open too */
	assert_int_equal(write(peer->tell, "x", 1), 1);
	close(peer->tell);
	assert_int_equal(waitpid(peer->pid, &status, 0), peer->pid);
	close(peer->said);
	assert_int_equal(status, 0);
}

bool ends_within(pid_t pid, int ms)
{
	for (; ms > 0; ms -= 10) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		poll(NULL, 0, 10);
	}
	return false;
}

void peer_forget(struct peer *peer)
{
	(void)!write(peer->tell, "x", 1);
	close(peer->tell);
	close(peer->said);
	assert_true(ends_within(peer->pid, 5000));
}

int start_second(void **state)
{
	char link[PATH_MAX];

	umask(0);
	snprintf(link, sizeof(link), "%.3000s/second.source", config.base);
	assert_return_code(symlink(mounted.source, link), errno);
	mount_start(&second, "second", NULL);
	make_file();
	return 0;
}
