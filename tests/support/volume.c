#include "tests/support/volume.h"
#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
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

void volume_make_filtered(const char *dir, const char *point, const char *type, const char *size,
	const char *filter, const char *parameters)
{
	char output[1024];

	if (shell(output, sizeof(output),
		    "mkdir -p %s %s && cd %s && truncate -s %s image && mkfs.%s -q image && : > device && "
		    "(setsid nbdfuse --pidfile=pid device --command nbdkit -s --filter=%s file image %s > "
		    "/dev/null 2>&1 "
		    "&) && "
		    "for i in $(seq 50); do mountpoint -q device && break; sleep 0.1; done && "
		    "mountpoint -q device && loop=$(losetup --direct-io=on -f --show device) && "
		    "mount $loop %s; r=$?; losetup -d $loop; exit $r", /* once it is unmounted */
		    dir, point, dir, size, type, filter, parameters, point))
		SKIP_TEST("no %s of the test's own over nbdkit: %s", type, output);
}

void volume_hang(const char *dir, bool on)
{
	assert_int_equal(shell(NULL, 0, "kill -%s $(cat %s/pid)", on ? "STOP" : "CONT", dir), 0);
}

void volume_make_slow(
	const char *dir, const char *point, const char *type, const char *size, unsigned long rate)
{
	char parameters[96];

	snprintf(parameters, sizeof(parameters), "rate=%lu rate-file=rate burstiness=0.1", rate * 8);
	volume_make_filtered(dir, point, type, size, "rate", parameters);
}

void volume_slow_no_more(const char *dir)
{
	assert_int_equal(
		shell(NULL, 0, "echo 100G > %s/rate.new && mv %s/rate.new %s/rate", dir, dir, dir), 0);
}

/* What is not on its disk by now is lost, and nothing works any more until it is mounted again. */
static void cut_power(const char *point)
{
	uint32_t how = SHUTDOWN_WITHOUT_LOG;
	int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_return_code(ioctl(fd, EXT4_IOC_SHUTDOWN, &how), errno);
	close(fd);
}

/* The processes that used the volume have ended, or are about to. */
static void mount_again(const char *dir, const char *point)
{
	/* the kernel lets go of a killed daemon's files in its own time */
	assert_int_equal(shell(NULL, 0,
				 "for i in $(seq 200); do umount %s && break; sleep 0.1; done; "
				 "mount -o loop %s/image %s",
				 point, dir, point),
		0);
}

void volume_act_until_power_cut(
	struct mount *mount, const char *dir, void (*act)(const char *root, int how), int how)
{
	pid_t child = suite_fork();
	int status;

	assert_return_code(child, errno);
	if (!child) {
		act(mount->point, how);
		cut_power(mount->source);
		_exit(0);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	kill(mount->daemon, SIGKILL);
	waitpid(mount->daemon, &status, 0);
	mount->daemon = 0;
	umount2(mount->point, MNT_DETACH);
	mount_again(dir, mount->source);
}
