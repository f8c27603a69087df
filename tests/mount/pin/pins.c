#include "tests/mount/pin/pins.h"
#include "tests/support/pages.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *in(const struct mount *mount, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%.3000s/%s", mount->point, name);
	return path;
}

const char *below(const struct mount *mount, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%.3000s/%s", mount->source, name);
	return path;
}

void use(const char *path)
{
	char bytes[PAGE];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
}

void await(const struct mount *mount, const char *key, long long value)
{
	for (int tries = 0; tries < 1500 && mount_stat(mount, key) != value; tries++)
		usleep(10000);
	assert_int_equal(mount_stat(mount, key), value);
}

/* Nothing drops pages of tmpfs: they are the file. */
void assert_let_go(const char *path)
{
	pages_drop(path);
	if (!config.source || strcmp(config.source, "tmpfs") != 0)
		assert_int_equal(pages_resident(path), 0);
}

void pin(const struct mount *mount, const char *name, size_t size)
{
	long long before = mount_stat(mount, "locked_bytes");

	assert_return_code(put_file(below(mount, name), size, 1), errno);
	pages_drop(below(mount, name)); /* dirty pages of another memory cgroup are not pinned */
	for (int tries = 0; mount_stat(mount, "locked_bytes") == before && tries < 100; tries++) {
		/* Without reading, which would make the pages this process's; again where they could not be
		 * dropped. */
		int fd = open(in(mount, name), O_RDONLY | O_CLOEXEC);

		assert_return_code(fd, errno);
		close(fd);
		for (int wait = 0; wait < 10 && mount_stat(mount, "locked_bytes") == before; wait++)
			usleep(5000);
	}
	await(mount, "locked_bytes", before + (long long)((size + PAGE - 1) / PAGE * PAGE));
}
