#include "fs/control/exporter_socket.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 16
#define SOCKET_MODE 0660
#define TRIES 20
#define PAUSE_US 100000 /* between two of them */

__attribute__((format(printf, 3, 4))) static int fail(char **error, int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*error = g_strdup_vprintf(format, args);
	va_end(args);
	return r;
}

static int open_socket(const struct metrics_address *address)
{
	int fd = socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int yes = 1;

	if (fd < 0)
		return -errno;
	/* bind(2) gives the name the mode of the socket, so the name never has another */
	if (metrics_address_is_path(address))
		fchmod(fd, SOCKET_MODE);
	else /* connections of an earlier mount may linger; bind(2) still fails if a process listens */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	return fd;
}

/* Whether a process listens at the socket at that path. Its queue may be full, or its permissions may exclude
 * this process. */
static bool is_live(const struct metrics_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool live = true;

	if (fd >= 0)
		live = connect(fd, &address->socket.any, address->length) == 0 ||
		       (errno != ECONNREFUSED && errno != ENOENT);
	if (fd >= 0)
		close(fd);
	return live;
}

/* Removes a socket at which no process listens. 0: nothing is at the path now. -EADDRINUSE: a process listens
 * there. Else -errno with its line in @error. */
static int remove_stale(const struct metrics_address *address, char **error)
{
	const char *path = address->socket.un.sun_path;
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return fail(error, -EEXIST, "%s exists and is not a socket", path);
	if (is_live(address))
		return -EADDRINUSE;
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(error, -errno, "cannot remove the old socket: %s", strerror(errno));
	return 0;
}

/* 0, -EADDRINUSE, or another -errno, with a line in @error if that says more. */
static int bind_once(int fd, const struct metrics_address *address, char **error)
{
	int r = 0;

	if (bind(fd, &address->socket.any, address->length) == 0)
		return 0;
	r = -errno;
	if (r != -EADDRINUSE || !metrics_address_is_path(address))
		return r;
	r = remove_stale(address, error);
	if (r == 0 && bind(fd, &address->socket.any, address->length) < 0)
		r = -errno;
	return r;
}

static int bind_socket(int fd, const struct metrics_address *address, char **error)
{
	int r = -EADDRINUSE;

	for (int i = 0; i < TRIES && r == -EADDRINUSE; i++) {
		if (i > 0)
			g_usleep(PAUSE_US);
		r = bind_once(fd, address, error);
	}
	if (r < 0 && !*error)
		fail(error, r, "%s",
			r == -EADDRINUSE ? "another process listens there already" : strerror(-r));
	return r;
}

int exporter_socket_listen(const struct metrics_address *address, struct exporter_place *place, char **error)
{
	int fd = open_socket(address), r;
	struct stat st;

	*place = (struct exporter_place){NULL};
	if (fd < 0)
		return fail(error, fd, "%s", strerror(-fd));
	r = bind_socket(fd, address, error);
	if (r == 0 && metrics_address_is_path(address) && lstat(address->socket.un.sun_path, &st) == 0)
		*place = (struct exporter_place){
			.path = g_strdup(address->socket.un.sun_path),
			.device = st.st_dev,
			.inode = st.st_ino,
		};
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = fail(error, -errno, "%s", strerror(errno));
	if (r == 0)
		return fd;
	exporter_socket_remove(place);
	close(fd);
	return r;
}

void exporter_socket_remove(struct exporter_place *place)
{
	struct stat st;

	if (place->path && lstat(place->path, &st) == 0 && st.st_dev == place->device &&
		st.st_ino == place->inode)
		unlink(place->path);
	g_clear_pointer(&place->path, g_free);
}
