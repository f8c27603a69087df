#include "fs/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/sandbox/sandbox.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000 /* Linux 6.8: ids of mounts that are not used again */
#endif

/* Does not ask the daemon, which may be dead. */
static int read_mark(const char *mountpoint, struct guard_mark *mark)
{
	struct statx stx;

	if (statx(AT_FDCWD, mountpoint, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW,
		    STATX_MNT_ID | STATX_MNT_ID_UNIQUE, &stx) < 0)
		return -errno;
	*mark = (struct guard_mark){stx.stx_mnt_id, stx.stx_dev_major, stx.stx_dev_minor};
	return 0;
}

static bool is_there(const char *mountpoint, const struct guard_mark *mark)
{
	struct guard_mark now = {0};

	return mark->mount_id != 0 && read_mark(mountpoint, &now) == 0 && now.mount_id == mark->mount_id &&
	       now.major == mark->major && now.minor == mark->minor;
}

static void run_fusermount(const char *mountpoint)
{
	pid_t child = fork();

	if (child == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", mountpoint, (char *)NULL);
		_exit(127);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

static bool unmount_mark(const char *mountpoint, const struct guard_mark *mark)
{
	if (!is_there(mountpoint, mark))
		return false;
	if (umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		run_fusermount(mountpoint);
	return true;
}

/* Gives up what would keep other processes waiting, or could end this process before the daemon. */
static void leave_everything(int pipe)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (pipe > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)pipe - 1, 0);
	close_range((unsigned)pipe + 1, ~0U, 0);
	setsid();
	(void)!chdir("/");
	for (int number = 1; number < NSIG; number++)
		signal(number, number == SIGCHLD ? SIG_DFL : SIG_IGN);
	prctl(PR_SET_NAME, "sieve-guard");
	log_set_sink(log_to_syslog);
}

static void read_fully(int fd, void *buf, size_t size, size_t *got)
{
	ssize_t n;

	for (*got = 0; *got < size; *got += (size_t)n) {
		n = read(fd, (char *)buf + *got, size - *got);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return;
	}
}

/* A byte in the pipe: the daemon asks for the mount to be unmounted. The end of the pipe: the daemon is
 * gone. */
__attribute__((noreturn)) static void watch_over(
	const char *mountpoint, int pipe, const struct guard_wishes *wishes)
{
	struct guard_mark mark;
	size_t got;
	char end;

	leave_everything(pipe);
	if (wishes->sandboxed)
		sandbox_guard();
	read_fully(pipe, &mark, sizeof(mark), &got);
	if (got == sizeof(mark)) {
		read_fully(pipe, &end, 1, &got);
		if (got == 1)
			unmount_mark(mountpoint, &mark);
		else if (wishes->auto_unmount && unmount_mark(mountpoint, &mark))
			log_warning("%s: the daemon of this mount is gone; unmounted", mountpoint);
	}
	_exit(0);
}

int guard_begin(struct guard *guard, const char *mountpoint, const struct guard_wishes *wishes)
{
	int ends[2];
	pid_t child;

	*guard = (struct guard){.mountpoint = mountpoint, .pipe = -1};
	if (!wishes->auto_unmount && !wishes->by_helper)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		close(ends[1]);
		watch_over(mountpoint, ends[0], wishes);
	}
	close(ends[0]);
	if (child < 0) {
		close(ends[1]);
		return -EAGAIN;
	}
	guard->pipe = ends[1];
	if (wishes->by_helper)
		guard->helper = child;
	return 0;
}

void guard_mounted(struct guard *guard)
{
	if (read_mark(guard->mountpoint, &guard->mark) == 0 && guard->pipe >= 0 &&
		write(guard->pipe, &guard->mark, sizeof(guard->mark)) < 0)
		log_warning("the process that unmounts is gone");
}

bool guard_knows_mount(const struct guard *guard)
{
	return guard->mark.mount_id != 0;
}

void guard_unmount(struct guard *guard)
{
	if (!guard->helper) {
		unmount_mark(guard->mountpoint, &guard->mark);
		return;
	}
	if (write(guard->pipe, "u", 1) == 1)
		waitpid(guard->helper, NULL, 0);
	else
		log_warning("%s: the process that unmounts is gone; unmount with fusermount3 -u -z",
			guard->mountpoint);
	guard->helper = 0;
}

void guard_end(struct guard *guard)
{
	if (guard->pipe >= 0)
		close(guard->pipe);
	guard->pipe = -1;
}
