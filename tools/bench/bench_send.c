#include "tools/bench/bench_send.h"

#include "tools/bench/bench_mount.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static int sender = -1;

void bench_send_open(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (receiver < 0 || sender < 0 || bind(receiver, (struct sockaddr *)&address, length) < 0 ||
		getsockname(receiver, (struct sockaddr *)&address, &length) < 0 ||
		connect(sender, (struct sockaddr *)&address, length) < 0)
		fail("a socket: %s", strerror(errno));
}

void bench_send_read(int fd, off_t offset, void *buffer, size_t size)
{
	if (pread(fd, buffer, size, offset) != (ssize_t)size)
		fail("a read: %s", strerror(errno));
	if (send(sender, buffer, size, 0) != (ssize_t)size)
		fail("send: %s", strerror(errno));
}

void bench_send_file(int fd, off_t offset, size_t size)
{
	if (sendfile(sender, fd, &offset, size) != (ssize_t)size)
		fail("sendfile: %s", strerror(errno));
}
