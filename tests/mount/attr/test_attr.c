/* Attributes: setattr in all its forms, times, statx, statfs, the flags of FS_IOC_SETFLAGS. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static void note_times(const char *path)
{
	struct stat st = {0};

	NOTE(lstat(path, &st));
	tape_text("%s: atime %lld.%09ld mtime %lld.%09ld\n", path, (long long)st.st_atim.tv_sec,
		st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* Whether mtime is what was set by old() or younger; likewise ctime moved since `before`. */
static const struct timespec long_ago[2] = {{1000000000, 123456789}, {1000000001, 987654321}};

static void note_mtime_moved(const char *what, const char *path)
{
	struct stat st = {0};

	if (stat(path, &st))
		tape_text("%s: stat failed\n", what);
	else
		tape_text("%s: mtime %s\n", what, st.st_mtim.tv_sec == long_ago[1].tv_sec ? "kept" : "moved");
}

static void make_old(const char *path)
{
	NOTE(utimensat(AT_FDCWD, path, long_ago, 0));
}

static void modes_are_set(void)
{
	int fd;

	NOTE(put_file("f", 10, 1) | mkdir("d", 0755));
	for (mode_t mode = 0; mode < 010000; mode += 01111) {
		NOTE(chmod("f", mode));
		note_stat("f");
		NOTE(chmod("d", mode));
		note_stat("d");
	}
	fd = NOTE_FD(open("f", O_RDONLY));
	NOTE(fchmod(fd, 0640));
	NOTE(close(fd));
	note_stat("f");
	NOTE(chmod("missing", 0644));
	NOTE(chmod("d", 0700));
}

static void owners_are_set(void)
{
	int fd;

	NOTE(put_file("f", 10, 1) | symlink("f", "l") | mkdir("d", 0755));
	NOTE(chown("f", 1, 2));
	note_stat("f");
	NOTE(chown("f", (uid_t)-1, 3));
	NOTE(chown("d", 4, (gid_t)-1));
	NOTE(lchown("l", 7, 8));
	fd = NOTE_FD(open("f", O_RDONLY));
	NOTE(fchown(fd, 9, 10));
	NOTE(fchown(fd, (uid_t)-1, (gid_t)-1));
	NOTE(close(fd));
	note_stat("f");
	note_stat("d");
	note_stat("l");
}

static void sizes_are_set(void)
{
	int fd;

	NOTE(put_file("f", 70000, 1));
	warm("f");
	NOTE(truncate("f", 100));
	note_data("f", 4096);
	NOTE(truncate("f", 200000));
	note_data("f", 4096);
	NOTE(truncate("f", -1));
	NOTE(truncate("f", 0));
	note_stat("f");
	fd = NOTE_FD(open("f", O_RDWR));
	NOTE(put(fd, 10, 5000, 2));
	NOTE(ftruncate(fd, 4097));
	note_fstat(fd);
	NOTE(ftruncate(fd, 1LL << 33));
	note_fstat(fd);
	note_pread(fd, 8192, (1LL << 33) - 4096);
	NOTE(ftruncate(fd, 5005));
	NOTE(close(fd));
	fd = NOTE_FD(open("f", O_RDONLY));
	NOTE(ftruncate(fd, 1));
	NOTE(close(fd));
	note_data("f", 999);
	NOTE(mkdir("d", 0755));
	NOTE(truncate("d", 0));
	NOTE(truncate("missing", 0));
}

static void times_are_set(void)
{
	const struct timespec both[2] = {{1234567890, 5}, {987654321, 999999999}};
	const struct timespec only_mtime[2] = {{0, UTIME_OMIT}, {1111111111, 1}};
	const struct timespec only_atime[2] = {{1222222222, 2}, {0, UTIME_OMIT}};
	const struct timespec before_epoch[2] = {{-100, 3}, {-200, 4}};
	const struct timespec bad[2] = {{0, 1000000000}, {0, 0}};
	int fd;

	NOTE(put_file("f", 10, 1) | symlink("f", "l") | mkdir("d", 0755));
	NOTE(utimensat(AT_FDCWD, "f", both, 0));
	note_times("f");
	NOTE(utimensat(AT_FDCWD, "f", only_mtime, 0));
	note_times("f");
	NOTE(utimensat(AT_FDCWD, "f", only_atime, 0));
	note_times("f");
	NOTE(utimensat(AT_FDCWD, "l", both, AT_SYMLINK_NOFOLLOW));
	note_times("l");
	NOTE(utimensat(AT_FDCWD, "d", before_epoch, 0));
	note_times("d");
	NOTE(utimensat(AT_FDCWD, "f", bad, 0));
	fd = NOTE_FD(open("f", O_RDONLY));
	NOTE(futimens(fd, both));
	NOTE(close(fd));
	note_times("f");
	NOTE(utimensat(AT_FDCWD, "f", NULL, 0));
	note_mtime_moved("now", "f");
}

static void data_and_names_move_mtime_as_below(void)
{
	char *map;
	int fd;

	NOTE(put_file("f", 10000, 1) | mkdir("d", 0755));
	warm("f");
	make_old("f");
	warm("f");
	note_mtime_moved("read", "f");
	fd = NOTE_FD(open("f", O_RDWR));
	note_mtime_moved("open", "f");
	NOTE(put(fd, 10, 0, 1));
	note_mtime_moved("write", "f");
	make_old("f");
	NOTE(close(fd));
	note_mtime_moved("close", "f");
	NOTE(chmod("f", 0600));
	note_mtime_moved("chmod", "f");
	NOTE(truncate("f", 10000));
	note_mtime_moved("truncate to the same size", "f");
	make_old("f");
	NOTE(truncate("f", 9000));
	note_mtime_moved("truncate", "f");
	make_old("f");
	NOTE(close(open("f", O_WRONLY | O_TRUNC)));
	note_mtime_moved("O_TRUNC", "f");
	make_old("f");
	fd = NOTE_FD(open("f", O_RDWR));
	NOTE(fallocate(fd, 0, 0, 8192));
	note_mtime_moved("fallocate", "f");
	NOTE(fsync(fd));
	make_old("f");
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED) {
		map[5000] = 1;
		NOTE(msync(map, 8192, MS_SYNC));
		munmap(map, 8192);
	}
	NOTE(close(fd));
	note_mtime_moved("write through a mapping", "f");
	make_old("d");
	NOTE(close(open("d/x", O_CREAT | O_WRONLY, 0644)));
	note_mtime_moved("create", "d");
	make_old("d");
	NOTE(unlink("d/x"));
	note_mtime_moved("unlink", "d");
	make_old("d");
	NOTE(rename("f", "d/f"));
	note_mtime_moved("rename into", "d");
	note_mtime_moved("renamed", "d/f");
}

static void ctime_moves_as_below(void)
{
	struct stat before = {0}, after = {0};

	NOTE(put_file("f", 10, 1));
	for (int step = 0; step < 6; step++) {
		NOTE(stat("f", &before));
		poll(NULL, 0, 15);
		switch (step) {
		case 0:
			NOTE(chmod("f", 0600));
			break;
		case 1:
			NOTE(link("f", "g"));
			break;
		case 2:
			NOTE(rename("g", "h"));
			break;
		case 3:
			NOTE(truncate("f", 5));
			break;
		case 4:
			NOTE(unlink("h"));
			break;
		case 5:
			NOTE(access("f", R_OK));
			break;
		}
		NOTE(stat("f", &after));
		tape_text("step %d: ctime %s\n", step,
			memcmp(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim)) ? "moved" : "kept");
	}
}

static void statx_answers(void)
{
	struct statx stx = {0};

	NOTE(put_file("f", 12345, 1));
	NOTE(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &stx));
	tape_text("mode %o size %llu nlink %u blksize %u blocks %llu\n", stx.stx_mode,
		(unsigned long long)stx.stx_size, stx.stx_nlink, stx.stx_blksize,
		(unsigned long long)stx.stx_blocks);
	NOTE(statx(AT_FDCWD, "missing", 0, STATX_BASIC_STATS, &stx));
	NOTE(statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC, STATX_SIZE, &stx));
	NOTE(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, STATX_SIZE, &stx));
	tape_text("size %llu\n", (unsigned long long)stx.stx_size);
}

static void statfs_speaks_of_the_file_system_below(void)
{
	struct statfs fs = {0};

	NOTE(statfs(".", &fs));
	tape_text("bsize %ld blocks %lld files %lld namelen %ld frsize %ld\n", (long)fs.f_bsize,
		(long long)fs.f_blocks, (long long)fs.f_files, (long)fs.f_namelen, (long)fs.f_frsize);
	tape_text("free: %d %d\n", fs.f_bfree > 0, fs.f_bavail > 0);
}

static void inode_flags_are_passed_down(void)
{
	int fd = NOTE_FD(open("f", O_CREAT | O_RDWR, 0644)), flags = 0;

	NOTE(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	tape_text("flags %x\n", (unsigned)flags);
	flags |= FS_NODUMP_FL | FS_NOATIME_FL;
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	flags = 0;
	NOTE(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	tape_text("flags %x\n", (unsigned)flags);
	flags = 0x40000000;
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	NOTE(ioctl(fd, 0x1234, &flags));
	NOTE(close(fd));
	fd = NOTE_FD(open(".", O_RDONLY | O_DIRECTORY));
	NOTE(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	tape_text("flags of the directory %x\n", (unsigned)flags);
	flags |= FS_NODUMP_FL;
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	NOTE(close(fd));
}

/* Each stat must ask the daemon while the file may be mapped. */
static void a_mapping_without_a_descriptor_moves_mtime(void)
{
	char *map;
	int fd;

	if (!config.passthrough)
		return; /* the kernel tells the daemon when it writes the page back */
	fd = NOTE_FD(open("m", O_CREAT | O_RDWR, 0644));
	NOTE(put(fd, 8192, 0, 1));
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NOTE(map == MAP_FAILED);
	NOTE(close(fd));
	poll(NULL, 0, 50); /* RELEASE comes some time after close(2) */
	make_old("m");
	note_mtime_moved("before the store", "m");
	map[5000] = 1;
	note_mtime_moved("after it", "m");
	NOTE(munmap(map, 8192));
	NOTE(unlink("m"));
}

static void append_only_and_immutable_files_refuse(void)
{
	int fd = NOTE_FD(open("f", O_CREAT | O_RDWR, 0644)), kept = 0, flags;

	NOTE(put(fd, 100, 0, 1));
	NOTE(ioctl(fd, FS_IOC_GETFLAGS, &kept)); /* without FS_EXTENT_FL ext4 would try to convert the file */
	flags = kept | FS_IMMUTABLE_FL;
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	NOTE(close(fd));
	NOTE(open("f", O_WRONLY));
	NOTE(unlink("f"));
	NOTE(chmod("f", 0600));
	NOTE(rename("f", "g"));
	note_data("f", 100);
	fd = NOTE_FD(open("f", O_RDONLY));
	flags = kept | FS_APPEND_FL;
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	NOTE(open("f", O_WRONLY));
	NOTE(truncate("f", 0));
	NOTE_FD(open("f", O_WRONLY | O_APPEND));
	flags = kept;
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	NOTE(close(fd));
	NOTE(unlink("f"));
}

static const struct CMUnitTest tests[] = {
	SAME(modes_are_set),
	SAME_AS_ROOT(owners_are_set),
	SAME(sizes_are_set),
	SAME(times_are_set),
	SAME(data_and_names_move_mtime_as_below),
	SAME(ctime_moves_as_below),
	SAME(statx_answers),
	SAME(statfs_speaks_of_the_file_system_below),
	SAME(inode_flags_are_passed_down),
	SAME(a_mapping_without_a_descriptor_moves_mtime),
	SAME_AS_ROOT(append_only_and_immutable_files_refuse),
};

static const struct suite suite = {
	.name = "attr", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
