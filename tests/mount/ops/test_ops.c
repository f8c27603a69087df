/* Operations on names: each sequence gives the same answers on the mount as on the bare directory. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void directories_are_made_and_removed(void)
{
	NOTE(mkdir("a", 0755));
	NOTE(mkdir("a", 0755));
	NOTE(mkdir("a/b", 01777));
	NOTE(mkdir("missing/b", 0755));
	note_stat("a");
	note_stat("a/b");
	NOTE(rmdir("a"));
	NOTE(rmdir("a/b"));
	note_stat("a");
	NOTE(rmdir("a"));
	NOTE(rmdir("a"));
	NOTE(rmdir("."));
	NOTE(put_file("f", 10, 1));
	NOTE(rmdir("f"));
	NOTE(mkdir("f/x", 0755));
	NOTE(unlink("f"));
	NOTE(mkdir("d", 0));
	NOTE(unlink("d"));
	note_stat("d");
}

static void names_may_be_as_long_as_below(void)
{
	char name[257];

	memset(name, 'n', sizeof(name));
	name[256] = 0;
	NOTE(mkdir(name, 0755));
	name[255] = 0;
	NOTE(mkdir(name, 0755));
	NOTE(rmdir(name));
	NOTE(put_file(name, 5, 1));
	note_stat(name);
	NOTE(put_file("sp ace\nnew\tline \xff\xfe", 3, 2));
	NOTE(put_file(",comma=x\\", 3, 2));
	note_dir(".");
	NOTE(open("", O_RDONLY));
}

static void nodes_of_every_type_are_made(void)
{
	NOTE(mknod("file", S_IFREG | 0640, 0));
	NOTE(mknod("file", S_IFREG | 0640, 0));
	NOTE(mknod("fifo", S_IFIFO | 0604, 0));
	NOTE(mknod("socket", S_IFSOCK | 0755, 0));
	NOTE(mknod("block", S_IFBLK | 0600, makedev(7, 255)));
	NOTE(mknod("char", S_IFCHR | 0666, makedev(1, 3)));
	NOTE(mknod("zero", 0600, 0));
	NOTE(mknod("dir", S_IFDIR | 0600, 0));
	note_dir(".");
	note_stat("file");
	note_stat("fifo");
	note_stat("socket");
	note_stat("block");
	note_stat("char");
}

static void symbolic_links_keep_their_text(void)
{
	char text[5000], target[4097];

	memset(target, 't', sizeof(target));
	target[4095] = 0;
	NOTE(symlink("some/where", "link"));
	NOTE(symlink("some/where", "link"));
	NOTE(symlink(target, "long"));
	NOTE(symlink("", "empty"));
	NOTE(symlink("link", "missing/link"));
	NOTE(readlink("link", text, sizeof(text)));
	NOTE(readlink("link", text, 4));
	NOTE(readlink("long", text, sizeof(text)));
	tape_text("text %d\n", memcmp(text, target, 4095));
	NOTE(readlink(".", text, sizeof(text)));
	note_stat("link");
	NOTE_FD(open("link", O_RDONLY));
	NOTE_FD(open("link", O_RDONLY | O_NOFOLLOW));
	NOTE(symlink("loop", "loop"));
	NOTE_FD(open("loop", O_RDONLY));
	NOTE(mkdir("d", 0755));
	NOTE(symlink("d", "to-d"));
	NOTE(put_file("to-d/f", 100, 1));
	note_data("d/f", 4096);
	NOTE(linkat(AT_FDCWD, "link", AT_FDCWD, "link2", 0));
	note_stat("link2");
	NOTE(lchown("link", 5, 6));
	note_stat("link2");
	NOTE(unlink("to-d"));
}

static void hard_links_are_one_file(void)
{
	struct stat a, b;
	int fd;

	NOTE(put_file("a", 100, 1));
	NOTE(link("a", "b"));
	NOTE(link("a", "b"));
	NOTE(link("missing", "c"));
	NOTE(mkdir("d", 0755));
	NOTE(link("d", "e"));
	NOTE(link("a", "d/c"));
	note_stat("a");
	NOTE(stat("a", &a) | stat("d/c", &b));
	tape_text("one inode: %d\n", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	fd = NOTE_FD(open("b", O_RDWR));
	NOTE(put(fd, 5000, 50, 2));
	NOTE(close(fd));
	note_data("d/c", 1000);
	NOTE(truncate("a", 60));
	note_data("b", 1000);
	NOTE(chmod("d/c", 0604));
	note_stat("b");
	NOTE(unlink("a"));
	note_stat("b");
	note_stat("a");
	NOTE(rename("b", "d/c"));
	note_stat("b");
	NOTE(unlink("b"));
	note_stat("d/c");
}

static void renames_replace_what_they_may(void)
{
	NOTE(put_file("a", 10, 1));
	NOTE(put_file("b", 20, 2));
	NOTE(rename("a", "c"));
	NOTE(rename("c", "b"));
	note_stat("b");
	NOTE(rename("missing", "x"));
	NOTE(mkdir("d", 0755));
	NOTE(rename("b", "d"));
	NOTE(rename("d", "b"));
	NOTE(mkdir("e", 0755));
	NOTE(put_file("e/f", 10, 1));
	NOTE(rename("d", "e"));
	NOTE(rename("e", "d"));
	NOTE(rename("d", "d/sub"));
	NOTE(rename("d/f", "d/g"));
	NOTE(rename("d/g", "top"));
	NOTE(rename("d", "missing/d"));
	NOTE(rename("b", "b"));
	NOTE(rename(".", "x"));
	note_dir(".");
}

static void rename_flags_are_honoured(void)
{
	NOTE(put_file("a", 10, 1));
	NOTE(put_file("b", 20, 2));
	NOTE(mkdir("d", 0755));
	NOTE(put_file("d/x", 30, 3));
	NOTE(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	NOTE(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
	NOTE(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE));
	note_data("b", 100);
	note_data("c", 100);
	NOTE(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE));
	note_stat("c");
	note_stat("d");
	note_data("c/x", 100);
	NOTE(renameat2(AT_FDCWD, "c", AT_FDCWD, "missing", RENAME_EXCHANGE));
	NOTE(renameat2(AT_FDCWD, "c", AT_FDCWD, "c/x", RENAME_EXCHANGE));
	NOTE(renameat2(AT_FDCWD, "b", AT_FDCWD, "w", RENAME_EXCHANGE | RENAME_NOREPLACE));
	NOTE(renameat2(AT_FDCWD, "b", AT_FDCWD, "w", 1u << 20));
	note_dir(".");
}

static void moved_directories_keep_their_contents(void)
{
	int fd, dir;

	NOTE(mkdir("a", 0755) | mkdir("a/b", 0755) | mkdir("a/b/c", 0755) | mkdir("z", 0755));
	NOTE(put_file("a/b/c/f", 100, 1));
	dir = NOTE_FD(open("a/b", O_RDONLY | O_DIRECTORY));
	fd = NOTE_FD(open("a/b/c/f", O_RDWR));
	NOTE(rename("a/b", "z/moved"));
	NOTE(put(fd, 100, 100, 2));
	NOTE(faccessat(dir, "c/f", R_OK, 0));
	NOTE(mkdirat(dir, "new", 0755));
	NOTE(faccessat(dir, "../moved/new", F_OK, 0));
	NOTE(access("a/b/c/f", F_OK));
	note_data("z/moved/c/f", 4096);
	NOTE(rename("z/moved/c/f", "f"));
	NOTE(put(fd, 10, 0, 3));
	NOTE(close(fd));
	NOTE(close(dir));
	note_data("f", 4096);
	note_dir("z/moved");
}

static void removed_directories_answer_as_below(void)
{
	int dir;

	NOTE(mkdir("d", 0755));
	dir = NOTE_FD(open("d", O_RDONLY | O_DIRECTORY));
	NOTE(rmdir("d"));
	NOTE(mkdirat(dir, "x", 0755));
	NOTE(openat(dir, "y", O_CREAT | O_WRONLY, 0644));
	NOTE(faccessat(dir, "y", F_OK, 0));
	note_fstat(dir);
	NOTE(close(dir));
	NOTE(mkdir("d", 0700));
	note_dir("d");
}

static void creation_goes_by_the_umask(void)
{
	static const mode_t masks[] = {0, 022, 077, 0777, 027};
	char name[16];

	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		umask(masks[i]);
		snprintf(name, sizeof(name), "f%zu", i);
		NOTE(close(open(name, O_CREAT | O_WRONLY, 06777)));
		note_stat(name);
		snprintf(name, sizeof(name), "d%zu", i);
		NOTE(mkdir(name, 07777));
		note_stat(name);
		snprintf(name, sizeof(name), "n%zu", i);
		NOTE(mknod(name, S_IFIFO | 0777, 0));
		note_stat(name);
	}
}

static void syncs_answer(void)
{
	int fd = NOTE_FD(open("f", O_CREAT | O_RDWR, 0644)), dir = NOTE_FD(open(".", O_RDONLY | O_DIRECTORY));

	NOTE(put(fd, 10000, 0, 1));
	NOTE(fsync(fd));
	NOTE(fdatasync(fd));
	NOTE(fsync(dir));
	NOTE(fdatasync(dir));
	NOTE(sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE));
	NOTE(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	NOTE(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	NOTE(readahead(fd, 0, 4096));
	NOTE(close(fd) | close(dir));
	fd = NOTE_FD(open("f", O_RDONLY));
	NOTE(fsync(fd));
	NOTE(close(fd));
}

static void paths_are_resolved_as_below(void)
{
	NOTE(mkdir("d", 0755) | put_file("d/f", 10, 1));
	NOTE(access("d/./../d//f", F_OK));
	NOTE(access("d/f/", F_OK));
	NOTE(access("d/f/..", F_OK));
	NOTE(access("d/f/x", F_OK));
	NOTE(access("x/..", F_OK));
	NOTE(mkdir("e/", 0755));
	NOTE(rename("e", "d/"));
	NOTE(rename("d/f", "g/"));
	NOTE(unlink("d/f/"));
	NOTE(unlink("d/missing"));
	NOTE(open("d/f", O_RDONLY | O_DIRECTORY));
	NOTE(open("d", O_WRONLY));
	NOTE(open("d", O_RDWR | O_CREAT, 0644));
	NOTE(open("d/f", O_RDWR | O_CREAT | O_EXCL, 0644));
	note_dir("d");
}

static void missing_names_appear_when_made(void)
{
	for (int i = 0; i < 5; i++) {
		NOTE(access("x", F_OK));
		NOTE(put_file("x", 10, 1));
		NOTE(access("x", F_OK));
		NOTE(access("y", F_OK));
		NOTE(rename("x", "y"));
		NOTE(access("x", F_OK));
		NOTE(link("y", "x"));
		NOTE(access("x", F_OK));
		NOTE(unlink("x") | unlink("y"));
		NOTE(access("y", F_OK));
		NOTE(symlink("nowhere", "y"));
		NOTE(access("y", F_OK));
		NOTE(faccessat(AT_FDCWD, "y", F_OK, AT_SYMLINK_NOFOLLOW));
		NOTE(unlink("y"));
	}
}

/* What may be asked of a file by its name or through a descriptor, with any answer. */
static void ask_all(const char *name)
{
	struct statfs room;
	struct stat st;
	char value[64];
	int fd = open(name, O_RDWR | O_APPEND | O_CLOEXEC), flags = 0;

	put(fd, 100, 0, 1);
	pread(fd, value, sizeof(value), 0);
	ioctl(fd, FS_IOC_GETFLAGS, &flags);
	ftruncate(fd, 50);
	fsync(fd);
	close(fd);
	stat(name, &st);
	statfs(name, &room);
	access(name, R_OK);
	truncate(name, 10);
	chmod(name, 0600);
	chown(name, (uid_t)-1, getegid());
	utimensat(AT_FDCWD, name, NULL, 0);
	setxattr(name, "user.a", "a", 1, 0);
	getxattr(name, "user.a", value, sizeof(value));
	getxattr(name, "user.a", NULL, 0);
	getxattr(name, "user.missing", value, sizeof(value));
	listxattr(name, value, sizeof(value));
	removexattr(name, "user.a");
	link(name, "another");
	rename("another", "third");
	unlink("third");
}

/* Descriptors of a removed file that the daemon has open. */
static unsigned removed_file_is_open(const char *name)
{
	char path[64], link[300], to[PATH_MAX];
	unsigned count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)mounted.daemon);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t n;

		snprintf(link, sizeof(link), "%s/%.200s", path, entry->d_name);
		n = readlink(link, to, sizeof(to) - 1);
		to[n < 0 ? 0 : n] = 0;
		count += strstr(to, name) && strstr(to, " (deleted)");
	}
	closedir(dir);
	return count;
}

/* Or its space would not be given back. */
static void a_removed_file_is_closed_whatever_was_asked_of_it(void **state)
{
	if (!mounted.daemon)
		SKIP_TEST("a bare directory has no daemon");
	assert_return_code(chdir(mounted.point), errno);
	assert_return_code(put_file("asked", 100, 1), errno);
	ask_all("asked");
	assert_return_code(unlink("asked"), errno);
	for (int tries = 0; removed_file_is_open("/asked"); tries++) {
		assert_true(tries < 500);
		poll(NULL, 0, 10);
	}
	assert_return_code(chdir("/"), errno);
}

static const struct CMUnitTest tests[] = {
	SAME(directories_are_made_and_removed),
	SAME(names_may_be_as_long_as_below),
	SAME_AS_ROOT(nodes_of_every_type_are_made),
	SAME(symbolic_links_keep_their_text),
	SAME(hard_links_are_one_file),
	SAME(renames_replace_what_they_may),
	SAME(rename_flags_are_honoured),
	SAME(moved_directories_keep_their_contents),
	SAME(removed_directories_answer_as_below),
	SAME(creation_goes_by_the_umask),
	SAME(syncs_answer),
	SAME(paths_are_resolved_as_below),
	SAME(missing_names_appear_when_made),
	cmocka_unit_test(a_removed_file_is_closed_whatever_was_asked_of_it),
};

static const struct suite suite = {
	.name = "ops", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
