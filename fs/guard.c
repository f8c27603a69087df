#include "fs/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/sandbox/sandbox.h"
#include "fs/helper.h"

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

/* In the helper. A byte: the daemon asks for the mount to be unmounted. The end of the socket: the daemon is
 * gone. */
static void watch_over(int socket, const void *context)
{
	const struct guard *guard = context;
	struct guard_mark mark;
	char byte;

	setsid();
	if (guard->options.sandboxed)
		sandbox_guard();
	if (helper_receive(socket, &mark, sizeof(mark)) != sizeof(mark))
		return;
	if (helper_receive(socket, &byte, 1) == 1)
		unmount_mark(guard->mountpoint, &mark);
	else if (guard->options.auto_unmount && unmount_mark(guard->mountpoint, &mark))
		log_warning("%s: the daemon of this mount is gone; unmounted", guard->mountpoint);
}

int guard_begin(struct guard *guard, const char *mountpoint, const struct guard_options *options)
{
	pid_t helper;

	*guard = (struct guard){.mountpoint = mountpoint, .options = *options, .socket = -1};
	if (!options->auto_unmount && !options->by_helper)
		return 0;
	helper = helper_start("sieve-guard", watch_over, guard, &guard->socket);
	if (helper < 0)
		return helper;
	if (options->by_helper)
		guard->helper = helper;
	return 0;
}

void guard_mounted(struct guard *guard)
{
	if (read_mark(guard->mountpoint, &guard->mark) == 0 && guard->socket >= 0 &&
		write(guard->socket, &guard->mark, sizeof(guard->mark)) < 0)
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
	if (write(guard->socket, "u", 1) == 1)
		waitpid(guard->helper, NULL, 0);
	else
		log_warning("%s: the process that unmounts is gone; unmount with fusermount3 -u -z",
			guard->mountpoint);
	guard->helper = 0;
}

void guard_end(struct guard *guard)
{
	if (guard->socket >= 0)
		close(guard->socket);
	guard->socket = -1;
}
