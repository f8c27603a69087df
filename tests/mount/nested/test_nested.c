/* Other file systems mounted below SOURCE: numbers stay unique, moves across answer EXDEV, everything works
 * on them. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include "tests/support/volume.h"
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct mount tree;

static void mount_below(const char *name, const char *type, const char *options)
{
	static char output[2048];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%s", tree.source, name);
	assert_return_code(mkdir(path, 0755), errno);
	if (!strcmp(type, "tmpfs")) {
		assert_return_code(mount("none", path, type, 0, options), errno);
	} else if (shell(output, sizeof(output),
			   "truncate -s 300M '%s.image' && mkfs.%s -q '%s.image' && mount -o loop '%s.image' "
			   "'%s'",
			   path, type, path, path, path)) {
		SKIP_TEST("no loop-mounted %s here: %s", type, output);
	}
}

static void a_tree_of_several_file_systems_is_mounted(void **state)
{
	mount_prepare(&tree, "nested");
	mount_below("tmp1", "tmpfs", "size=32M");
	mount_below("tmp2", "tmpfs", "size=32M");
	mount_below("ext4", "ext4", NULL);
	mount_start(&tree, "nested", NULL);
	assert_return_code(chdir(tree.point), errno);
}

static void inode_numbers_are_unique(void **state)
{
	const char *dirs[] = {".", "tmp1", "tmp2", "ext4"};
	struct stat stats[4 * 20 + 4];
	size_t count = 0;
	char name[64];

	for (size_t d = 0; d < 4; d++) {
		assert_return_code(lstat(dirs[d], &stats[count++]), errno);
		for (int i = 0; i < 20; i++) {
			snprintf(name, sizeof(name), "%s/n%d", dirs[d], i);
			assert_return_code(put_file(name, 100, (unsigned)i), errno);
			assert_return_code(lstat(name, &stats[count++]), errno);
		}
	}
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (stats[i].st_ino == stats[j].st_ino && stats[i].st_dev == stats[j].st_dev)
				fail_msg("files %zu and %zu have the same number %lu", i, j,
					(unsigned long)stats[i].st_ino);
}

static void inode_numbers_are_stable(void **state)
{
	struct stat before, after;
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	assert_return_code(lstat("tmp1/n3", &before), errno);
	if (fd >= 0 && write(fd, "2", 1) == 1)
		close(fd);
	assert_return_code(lstat("tmp1/n3", &after), errno);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void moves_across_file_systems_are_refused(void **state)
{
	assert_return_code(put_file("a", 10, 1), errno);
	assert_int_equal(rename("a", "tmp1/a"), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(rename("tmp1/n1", "tmp2/n1x"), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(link("a", "ext4/a"), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(rmdir("tmp1"), -1);
	assert_int_equal(errno, EBUSY);
	assert_return_code(shell(NULL, 0, "mv a tmp1/moved && test $(stat -c %%s tmp1/moved) = 10"), errno);
}

static void contents_are_right_everywhere(void **state)
{
	static const char *const names[] = {"tmp1/f", "tmp2/f", "ext4/f", "f"};
	static char a[300000], b[300000];

	for (size_t i = 0; i < 4; i++) {
		char below[PATH_MAX];
		int fd;

		assert_return_code(put_file(names[i], sizeof(a), (unsigned)i), errno);
		assert_return_code(truncate(names[i], 200001), errno);
		snprintf(below, sizeof(below), "%.3000s/%s", tree.source, names[i]);
		for (int round = 0; round < 5; round++) {
			warm(names[i]);
			fd = open(names[i], O_RDWR | O_CLOEXEC);
			assert_return_code(fd, errno);
			assert_int_equal(put(fd, 5000, 1000 * round, 77), 5000);
			assert_int_equal(read(fd, a, sizeof(a)), 200001);
			close(fd);
			fd = open(below, O_RDONLY | O_CLOEXEC);
			assert_int_equal(read(fd, b, sizeof(b)), 200001);
			close(fd);
			assert_memory_equal(a, b, 200001);
		}
	}
}

static void room_is_that_of_each_file_system(void **state)
{
	static const char *const names[] = {"tmp1", "ext4", "."};

	for (size_t i = 0; i < 3; i++) {
		char below[PATH_MAX], output[64], want[64];

		snprintf(below, sizeof(below), "%.3000s/%s", tree.source, names[i]);
		shell(want, sizeof(want), "stat -f -c %%b '%s'", below);
		shell(output, sizeof(output), "stat -f -c %%b '%s'", names[i]);
		assert_string_equal(output, want);
	}
}

static void the_daemon_ends_cleanly(void **state)
{
	assert_return_code(chdir("/"), errno);
	mount_stop(&tree, MOUNT_END_UMOUNT);
}

static void assert_lists(const char *path, const char *names)
{
	char output[1024];

	assert_return_code(shell(output, sizeof(output), "ls -A '%s' | tr '\\n' ' '", path), errno);
	assert_string_equal(output, names);
}

static void a_mount_in_source_shows_what_it_covers(void **state)
{
	static struct mount inside;
	char options[1024], output[1024];

	mount_prepare(&inside, "inside");
	assert_return_code(chdir(inside.source), errno);
	assert_return_code(mkdir("sub", 0755) | mkdir("sub/point", 0755) | mkdir("bound", 0755), errno);
	assert_return_code(put_file("sub/point/under", 10, 1), errno);
	mount_config_options(options, sizeof(options));
	if (shell(output, sizeof(output), "'%s' -o '%s' '%s' sub/point", getenv("SIEVEFS"), options,
		    inside.source))
		fail_msg("%s", output);

	/* a part of the mount that comes in by another way */
	assert_return_code(mount("sub/point/sub", "bound", NULL, MS_BIND, NULL), errno);
	assert_int_equal(access("sub/point/bound", F_OK), -1);
	assert_int_equal(errno, ELOOP);
	assert_return_code(umount("bound"), errno);

	assert_lists("sub/point", "bound sub ");
	assert_lists("sub/point/sub/point", "under ");
	assert_return_code(put_file("sub/point/sub/point/new", 10, 2), errno);
	assert_lists("sub/point/sub/point", "new under ");
	assert_int_equal(rmdir("sub/point/sub/point"), -1);
	assert_int_equal(errno, EBUSY);

	assert_return_code(mount_umount("sub/point"), errno);
	assert_true(mount_wait("sub/point", false, 5000));
	assert_lists("sub/point", "new under ");
	assert_return_code(chdir("/"), errno);
}

static void make_privileged(const char *dir)
{
	/* Effective and permitted cap_net_raw, revision 2. */
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 0x20};

	assert_return_code(chdir(dir), errno);
	assert_return_code(
		put_file("suid", 10, 1) | chmod("suid", 06755) | put_file("capable", 10, 1), errno);
	assert_return_code(
		setxattr("capable", "security.capability", capability, sizeof(capability), 0), errno);
	assert_return_code(mknod("null", S_IFCHR | 0666, makedev(1, 3)), errno);
}

static bool is_privileged(const char *dir)
{
	struct stat suid, device;
	char caps[64];
	bool capable;
	int fd;

	assert_return_code(chdir(dir), errno);
	assert_return_code(stat("suid", &suid) | stat("null", &device), errno);
	capable = getxattr("capable", "security.capability", caps, sizeof(caps)) > 0;
	assert_int_equal((suid.st_mode & 06000) != 0, capable);
	assert_int_equal(device.st_rdev != 0, capable);
	fd = open("null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd >= 0, capable);
	close(fd);
	assert_return_code(chdir("/"), errno);
	return capable;
}

static void file_systems_below_get_no_rights_that_they_lack(void **state)
{
	static struct mount mixed;
	char path[PATH_MAX];

	mount_prepare(&mixed, "flags");
	for (int lacking = 0; lacking < 2; lacking++) {
		snprintf(path, sizeof(path), "%.3000s/%d", mixed.source, lacking);
		assert_return_code(mkdir(path, 0755), errno);
		assert_return_code(
			mount("none", path, "tmpfs", lacking ? MS_NOSUID | MS_NODEV : 0, NULL), errno);
		make_privileged(path);
	}
	make_privileged(mixed.source);
	mount_start(&mixed, "flags", NULL);
	assert_true(is_privileged(mixed.point));
	snprintf(path, sizeof(path), "%.3000s/0", mixed.point);
	assert_true(is_privileged(path));
	snprintf(path, sizeof(path), "%.3000s/1", mixed.point);
	assert_false(is_privileged(path));
	mount_stop(&mixed, MOUNT_END_UMOUNT);
}

static void the_mount_has_the_flags_of_source(void **state)
{
	const unsigned long flags = ST_NOSUID | ST_NODEV | ST_NOEXEC;
	static struct mount below;
	struct statvfs fs;

	mount_prepare(&below, "below");
	assert_return_code(
		mount("none", below.source, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), errno);
	mount_start(&below, "below", NULL);
	assert_return_code(statvfs(below.point, &fs), errno);
	assert_int_equal(fs.f_flag & flags, flags);
	mount_stop(&below, MOUNT_END_UMOUNT);
	mount_start(&below, "below", "suid,dev,exec");
	assert_return_code(statvfs(below.point, &fs), errno);
	assert_int_equal(fs.f_flag & flags, 0);
	mount_stop(&below, MOUNT_END_UMOUNT);
}

/* A FUSE file system on SOURCE/NAME, which shows SOURCE/below; its daemon. */
static pid_t mount_bindfs(const struct mount *mount, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX], output[1024];
	pid_t bindfs;

	snprintf(from, sizeof(from), "%.3000s/below", mount->source);
	snprintf(to, sizeof(to), "%.3000s/%s", mount->source, name);
	assert_return_code(mkdir(from, 0755) | mkdir(to, 0755), errno);
	if (shell(output, sizeof(output), "which bindfs"))
		SKIP_TEST("no bindfs here");
	bindfs = suite_fork();
	if (!bindfs) {
		execlp("bindfs", "bindfs", "-f", from, to, NULL);
		_exit(1);
	}
	assert_true(mount_wait(to, true, 5000));
	return bindfs;
}

static void a_dead_mount_below_is_listed(void **state)
{
	static struct mount above;
	char output[1024];
	pid_t bindfs;

	mount_prepare(&above, "above");
	bindfs = mount_bindfs(&above, "dead");
	kill(bindfs, SIGKILL); /* from now on each lookup of it says ENOTCONN */
	waitpid(bindfs, NULL, 0);
	mount_start(&above, "above", NULL);
	assert_lists(above.point, "below dead ");
	assert_int_equal(shell(output, sizeof(output), "tar -C '%s' -cf - . >/dev/null", above.point), 2);
	assert_non_null(strstr(output, "dead"));
	mount_stop(&above, MOUNT_END_UMOUNT);
	snprintf(output, sizeof(output), "%.900s/dead", above.source);
	assert_return_code(umount2(output, MNT_DETACH), errno);
}

/* The exit status of a child, or -1 when it does not end in time. */
static int status_of(pid_t child, int limit_ms)
{
	int status;

	for (int ms = 0; ms < limit_ms; ms += 10) {
		if (waitpid(child, &status, WNOHANG) == child)
			return status;
		poll(NULL, 0, 10);
	}
	return -1;
}

/* Over io_uring the requests of one CPU have one thread. */
static void a_directory_whose_disk_hangs_is_synced_apart(void **state)
{
	static struct mount above;
	pid_t bindfs, syncing, other;
	int dir, while_stopped;
	char path[PATH_MAX];
	cpu_set_t cpus, before;

	mount_prepare(&above, "hanging");
	bindfs = mount_bindfs(&above, "slow");
	mount_start(&above, "hanging", NULL);
	snprintf(path, sizeof(path), "%.3000s/slow", above.point);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(dir, errno);
	sched_getaffinity(0, sizeof(before), &before);
	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	kill(bindfs, SIGSTOP);
	syncing = suite_fork();
	if (!syncing)
		_exit(fsync(dir) != 0);
	assert_int_equal(status_of(syncing, 200), -1);
	snprintf(path, sizeof(path), "%.3000s/new", above.point);
	other = suite_fork();
	if (!other)
		_exit(put_file(path, 100, 1) != 0);
	while_stopped = status_of(other, 2000);
	kill(bindfs, SIGCONT);
	sched_setaffinity(0, sizeof(before), &before);
	assert_int_equal(status_of(syncing, 5000), 0);
	assert_int_equal(while_stopped, 0);
	close(dir);
	mount_stop(&above, MOUNT_END_UMOUNT);
	snprintf(path, sizeof(path), "%.3000s/slow", above.source);
	assert_return_code(umount2(path, MNT_DETACH), errno);
	waitpid(bindfs, NULL, 0);
}

static int use_as_user(void)
{
	int fd;

	if (setresgid(TEST_GID, TEST_GID, TEST_GID) || setresuid(TEST_UID, TEST_UID, TEST_UID))
		return 1;
	if (put_file("f", 100, 1) || mkdir("d", 0755) || put_file("d/g", 100, 1) || rename("f", "d/f"))
		return 2;
	fd = open("d/f", O_RDWR);
	if (fd < 0 || access("d/g", R_OK) || truncate("d/g", 10) || chmod("d/g", 0600))
		return 3;
	fd = open("proc/version", O_RDONLY);
	return fd < 0 || read(fd, &fd, 1) != 1 ? 4 : 0;
}

static void users_reach_file_systems_without_access_lists(void **state)
{
	static struct mount plain;
	char output[1024];
	int status;
	pid_t user;

	mount_prepare(&plain, "no_acl");
	assert_return_code(mount("none", plain.source, "ramfs", 0, "mode=0777"), errno);
	snprintf(output, sizeof(output), "%.900s/proc", plain.source);
	assert_return_code(mkdir(output, 0755), errno);
	assert_return_code(mount("none", output, "proc", 0, NULL), errno);
	mount_start(&plain, "no_acl", NULL);
	assert_return_code(chdir(plain.point), errno);
	user = suite_fork();
	if (!user)
		_exit(use_as_user());
	assert_int_equal(waitpid(user, &status, 0), user);
	assert_int_equal(status, 0);
	assert_true(shell(output, sizeof(output), "setfacl -m u:1:r d/f"));
	assert_non_null(strstr(output, strerror(EOPNOTSUPP)));
	assert_return_code(chdir(plain.source), errno);
	mount_stop(&plain, MOUNT_END_UMOUNT);
	assert_return_code(umount("proc") | chdir("/") | umount(plain.source), errno);
}

static bool unmounts_within(const char *path, int limit_ms)
{
	for (int ms = 0; ms < limit_ms; ms += 20) {
		if (umount2(path, 0) == 0)
			return true;
		usleep(20000);
	}
	return false;
}

static void use_disk(const char *point)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/file", point);
	warm(path);
	assert_return_code(
		shell(NULL, 0, "cd '%s' && ls -lR > /dev/null && cat dir/deep > /dev/null && echo x > new",
			point),
		errno);
}

/* Neither lookups, reads, writes nor cached copies keep it busy. */
static void a_disk_below_can_be_unmounted_and_comes_back(void **state)
{
	static struct mount host;
	char disk[PATH_MAX], other[PATH_MAX], images[PATH_MAX], point[PATH_MAX], deep[PATH_MAX], output[256];
	char file[PATH_MAX], suid[PATH_MAX];
	struct stat first, before, after, there;
	dev_t device;
	int known;

	if (strcmp(config.lane, "mixed"))
		skip(); /* nothing of lanes in it */
	mount_prepare(&host, "host");
	snprintf(disk, sizeof(disk), "%.3000s/disk", host.source);
	snprintf(other, sizeof(other), "%.3000s/other", config.base);
	snprintf(images, sizeof(images), "%.3000s/images", config.base);
	snprintf(point, sizeof(point), "%.3000s/disk", host.point);
	snprintf(deep, sizeof(deep), "%.3000s/dir/deep", point);
	volume_make(images, disk, "ext4", "16M");
	assert_return_code(shell(NULL, 0,
				   "cd '%s' && echo mine > file && mkdir dir && echo deep > dir/deep && "
				   "cp file suid && chmod 4755 suid",
				   disk),
		errno);
	assert_return_code(stat(disk, &there), errno);
	device = there.st_dev;
	mount_start(&host, "host", "attr_timeout=0,entry_timeout=0");
	use_disk(point);
	known = open(deep, O_PATH | O_CLOEXEC);
	assert_return_code(known | fstat(known, &before), errno);
	snprintf(file, sizeof(file), "%.3000s/file", point);
	snprintf(suid, sizeof(suid), "%.3000s/suid", point);
	assert_return_code(stat(file, &first), errno);
	assert_return_code(stat(suid, &after), errno);
	assert_int_equal(after.st_mode & 07777, 04755);

	assert_true(unmounts_within(disk, 10000));
	assert_lists(point, "");
	assert_int_equal(fstat(known, &after), -1);
	assert_int_equal(errno, ESTALE);

	/* another disk, usually with the device number of the first */
	volume_make(other, disk, "ext4", "16M");
	assert_return_code(shell(NULL, 0, "echo others > '%s/file'", disk), errno);
	assert_return_code(shell(output, sizeof(output), "cat '%s/file'", point), errno);
	assert_string_equal(output, "others\n");
	assert_return_code(stat(file, &after), errno);
	assert_int_not_equal(first.st_ino, after.st_ino);
	assert_int_equal(fstat(known, &after), -1);
	assert_int_equal(errno, ESTALE);
	assert_true(unmounts_within(disk, 10000));

	assert_return_code(shell(NULL, 0, "mount -o loop,nosuid '%s/image' '%s'", images, disk), errno);
	assert_return_code(stat(disk, &there), errno);
	if (there.st_dev == device) /* the loop device may differ */
		assert_return_code(fstat(known, &after), errno);
	assert_return_code(stat(deep, &after), errno);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_return_code(stat(suid, &after), errno);
	assert_int_equal(after.st_mode & 07777, 0755);
	use_disk(point);
	close(known);
	assert_true(unmounts_within(disk, 10000));
	mount_stop(&host, MOUNT_END_UMOUNT);
}

/* An automounter for one direct mount: mounts a tmpfs with a file on `dir` on each request. */
static void run_automounter(const char *dir, int ready)
{
	struct autofs_v5_packet packet;
	char options[128], file[PATH_MAX];
	int ends[2], self;

	setpgid(0, 0);
	snprintf(file, sizeof(file), "%.3000s/file", dir);
	if (pipe(ends))
		_exit(1);
	snprintf(options, sizeof(options), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", ends[1],
		(int)getpgrp());
	if (mount("automounter", dir, "autofs", 0, options))
		_exit(1);
	close(ends[1]);
	self = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (write(ready, "+", 1) != 1)
		_exit(1);
	while (read(ends[0], &packet, sizeof(packet)) == sizeof(packet))
		if (mount("mounted", dir, "tmpfs", 0, "size=1M") || put_file(file, 100, 1) ||
			ioctl(self, AUTOFS_IOC_READY, packet.wait_queue_token))
			_exit(1);
	_exit(0);
}

static pid_t start_automounter(const char *dir)
{
	int ready[2];
	char byte;
	pid_t child;

	assert_return_code(pipe(ready), errno);
	child = suite_fork();
	assert_return_code(child, errno);
	if (!child)
		run_automounter(dir, ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		SKIP_TEST("no autofs here");
	close(ready[0]);
	return child;
}

static void an_automount_point_below_is_mounted_when_it_is_entered(void **state)
{
	static struct mount host;
	char dir[PATH_MAX], file[PATH_MAX], point[PATH_MAX];
	struct stat st;
	pid_t automounter;

	if (!config.descriptors)
		skip(); /* once is enough, and quicker so */
	mount_prepare(&host, "automounted");
	snprintf(dir, sizeof(dir), "%.3000s/auto", host.source);
	snprintf(point, sizeof(point), "%.3000s/auto", host.point);
	snprintf(file, sizeof(file), "%.3000s/file", point);
	assert_return_code(mkdir(dir, 0755), errno);
	automounter = start_automounter(dir);
	mount_start(&host, "automounted", "attr_timeout=0,entry_timeout=0");

	/* stat of the automount point does not trigger it, as without sievefs */
	assert_return_code(lstat(point, &st), errno);
	assert_int_equal(shell(NULL, 0, "grep -q ' %s tmpfs ' /proc/self/mounts", dir), 1);
	assert_lists(point, "file ");
	assert_return_code(stat(file, &st), errno);
	assert_int_equal(st.st_size, 100);

	/* again after expiry, this time by a lookup inside */
	assert_true(unmounts_within(dir, 10000));
	assert_return_code(stat(file, &st), errno);
	assert_int_equal(st.st_size, 100);
	assert_true(unmounts_within(dir, 10000));

	mount_stop(&host, MOUNT_END_UMOUNT);
	assert_return_code(umount2(dir, MNT_DETACH), errno);
	kill(automounter, SIGKILL);
	assert_int_equal(waitpid(automounter, NULL, 0), automounter);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_tree_of_several_file_systems_is_mounted),
	cmocka_unit_test(inode_numbers_are_unique),
	cmocka_unit_test(inode_numbers_are_stable),
	cmocka_unit_test(moves_across_file_systems_are_refused),
	cmocka_unit_test(contents_are_right_everywhere),
	cmocka_unit_test(room_is_that_of_each_file_system),
	cmocka_unit_test(the_daemon_ends_cleanly),
	cmocka_unit_test(a_mount_in_source_shows_what_it_covers),
	cmocka_unit_test(file_systems_below_get_no_rights_that_they_lack),
	cmocka_unit_test(the_mount_has_the_flags_of_source),
	cmocka_unit_test(a_dead_mount_below_is_listed),
	cmocka_unit_test(a_directory_whose_disk_hangs_is_synced_apart),
	cmocka_unit_test(users_reach_file_systems_without_access_lists),
	cmocka_unit_test(a_disk_below_can_be_unmounted_and_comes_back),
	cmocka_unit_test(an_automount_point_below_is_mounted_when_it_is_entered),
};

static const struct suite suite = {
	.name = "nested", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .needs_root = true};

SUITE_MAIN(suite)
