/*
 * Loaded before the daemon's libraries (LD_PRELOAD): the thread that has to answer statfs(2) of the mount
 * does so SLOW_STATFS_SECONDS late, and then makes the file SLOW_STATFS_MARK.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

int fstatvfs(int fd, struct statvfs *fs)
{
	const char *mark = getenv("SLOW_STATFS_MARK");

	sleep((unsigned)atoi(getenv("SLOW_STATFS_SECONDS")));
	if (mark)
		close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return -1;
}
