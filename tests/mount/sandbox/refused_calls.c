/*
 * Loaded before the daemon's libraries (LD_PRELOAD): the daemon makes a system call that no list has when it
 * waits for a keeper's answer, and a keeper another one when it waits for a request.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
	syscall(SYS_acct, "/no/such/file");
	return syscall(SYS_recvfrom, fd, bytes, size, flags, NULL, NULL);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	syscall(SYS_getsid, 0);
	return syscall(SYS_recvmsg, fd, message, flags);
}
