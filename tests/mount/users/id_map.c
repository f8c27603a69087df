#include "tests/mount/users/id_map.h"

#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_one(pid_t child, const char *name, const char *map)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", child, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (write(fd, map, strlen(map)) != (ssize_t)strlen(map))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

void id_map_write(pid_t child, const char *map)
{
	write_one(child, "uid_map", map);
	write_one(child, "gid_map", map);
}

/* A descriptor of a user namespace with these users, or -1. */
static int open_namespace(const char *map)
{
	char path[64], byte = 0;
	int ready[2], fd = -1;
	pid_t child;

	if (pipe(ready))
		return -1;
	child = suite_fork();
	if (!child) {
		if (unshare(CLONE_NEWUSER) || write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		id_map_write(child, map);
		snprintf(path, sizeof(path), "/proc/%d/ns/user", child);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	close(ready[0]);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return fd;
}

int bind_idmapped(const char *from, const char *to, const char *map)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	int tree, namespace = open_namespace(map), error = EPERM, r = -1;

	if (namespace < 0) {
		errno = error;
		return -1;
	}
	attr.userns_fd = (uint64_t) namespace;
	tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree >= 0)
		r = mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr));
	if (r == 0)
		r = move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH);
	error = errno;
	close(namespace);
	close(tree);
	errno = error;
	return r;
}
