#include "tests/support/volume.h"
#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define SHUTDOWN_WITHOUT_LOG 2u

void volume_make(const char *dir, const char *point, const char *type, const char *size)
{
	volume_make_with(dir, point, type, size, strcmp(type, "ext4") ? "" : "-F -m0 -b4096");
}

void volume_make_with(
	const char *dir, const char *point, const char *type, const char *size, const char *mkfs)
{
	char output[1024];

	if (shell(output, sizeof(output),
		    "mkdir -p %s %s && truncate -s %s %s/image && mkfs.%s -q %s %s/image && "
		    "mount -o loop %s/image %s",
		    dir, point, size, dir, type, mkfs, dir, dir, point))
		SKIP_TEST("no %s of the test's own: %s", type, output);
}

void volume_cut_power(const char *point)
{
	uint32_t how = SHUTDOWN_WITHOUT_LOG;
	int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_return_code(ioctl(fd, EXT4_IOC_SHUTDOWN, &how), errno);
	close(fd);
}

void volume_mount_again(const char *dir, const char *point)
{
	/* the kernel lets go of a killed daemon's files in its own time */
	assert_int_equal(shell(NULL, 0,
				 "for i in $(seq 200); do umount %s && break; sleep 0.1; done; "
				 "mount -o loop %s/image %s",
				 point, dir, point),
		0);
}
