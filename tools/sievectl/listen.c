#include "tools/sievectl/listen.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#define PAUSE_MS 100

/* Which of these errors it is depends on how far the kernel had got. */
static bool is_end_of_mount(int error)
{
	return error == ENOTCONN || error == ECONNABORTED || error == ENODEV || error == ECANCELED;
}

/* poll(2) ignores a negative descriptor, and always reports errors of the others. */
static int pause_for(int output)
{
	struct pollfd broken = {.fd = output};
	int ready = poll(&broken, 1, PAUSE_MS);

	if (ready > 0)
		return -EPIPE;
	return ready < 0 ? -errno : 0;
}

ssize_t listen_read(int control, int output, char *buffer, size_t size)
{
	for (;;) {
		ssize_t n = read(control, buffer, size);
		int r;

		if (n >= 0)
			return n;
		if (is_end_of_mount(errno))
			return 0;
		if (errno != EAGAIN)
			return -errno;
		r = pause_for(output);
		if (r < 0)
			return r;
	}
}
