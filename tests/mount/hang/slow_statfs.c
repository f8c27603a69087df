/*
 * Loaded before the daemon's libraries (LD_PRELOAD): the thread that has to answer statfs(2) of the mount does
 * so a minute late.
 */
#include <sys/statvfs.h>
#include <unistd.h>

int fstatvfs(int fd, struct statvfs *fs)
{
	sleep(60);
	return -1;
}
