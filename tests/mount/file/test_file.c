/* Open files: flags, positions, holes, copies; each sequence answers on the mount as on the bare directory.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static void open_flags_mean_what_they_say(void)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDWR | O_TRUNC,
		O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND, O_RDWR | O_APPEND, O_RDWR | O_SYNC, O_RDWR | O_DSYNC,
		O_RDONLY | O_NOATIME, O_RDONLY | O_NONBLOCK, O_PATH, O_RDWR | O_CREAT,
		O_RDWR | O_CREAT | O_EXCL, O_WRONLY | O_APPEND | O_TRUNC, O_RDONLY | O_NOFOLLOW,
		O_RDWR | O_CREAT | O_TRUNC | O_APPEND};
	char buffer[64];

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd;

		NOTE(put_file("f", 30000, (unsigned)i));
		warm("f");
		fd = NOTE_FD(open("f", flags[i], 0644));
		if (fd < 0)
			continue;
		tape_text("flags %x\n", (unsigned)(fcntl(fd, F_GETFL) & ~O_LARGEFILE));
		NOTE(read(fd, buffer, sizeof(buffer)));
		NOTE(write(fd, "abc", 3));
		NOTE(lseek(fd, 0, SEEK_CUR));
		NOTE(pwrite(fd, "def", 3, 100));
		note_fstat(fd);
		NOTE(close(fd));
		note_data("f", 1000);
	}
}

static void new_files_take_their_flags(void)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_TRUNC,
		O_RDWR | O_EXCL, O_RDWR | O_APPEND, O_WRONLY | O_SYNC};
	char name[16], buffer[64];

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd, other;

		snprintf(name, sizeof(name), "n%zu", i);
		fd = NOTE_FD(open(name, flags[i] | O_CREAT, 0600));
		NOTE(write(fd, "first", 5));
		other = NOTE_FD(open(name, O_RDWR | O_APPEND));
		NOTE(write(other, "second", 6));
		NOTE(write(fd, "third", 5));
		NOTE(pread(other, buffer, sizeof(buffer), 0));
		NOTE(close(fd) | close(other));
		note_data(name, 100);
		note_stat(name);
	}
}

static void a_file_made_without_rights_can_be_used_by_its_maker(void)
{
	int fd = NOTE_FD(open("f", O_RDWR | O_CREAT, 0));

	NOTE(put(fd, 5000, 0, 1));
	note_pread(fd, 5000, 0);
	note_fstat(fd);
	NOTE(close(fd));
	fd = NOTE_FD(open("g", O_WRONLY | O_CREAT | O_APPEND, 0444));
	NOTE(put(fd, 5000, 0, 1));
	NOTE(fchmod(fd, 0600));
	NOTE(put(fd, 5000, 0, 2));
	NOTE(close(fd));
	NOTE(chmod("f", 0600));
}

static void appends_go_to_the_end(void)
{
	int a = NOTE_FD(open("f", O_WRONLY | O_CREAT | O_APPEND, 0644)), b, c;

	NOTE(write(a, "aaaa", 4));
	b = NOTE_FD(open("f", O_RDWR | O_APPEND));
	c = NOTE_FD(open("f", O_RDWR));
	for (int i = 0; i < 50; i++) {
		NOTE(write(a, "from a", 6));
		NOTE(pwrite(b, "from b somewhat longer", 22, 0));
		NOTE(put(c, 1000, 100 * i, (unsigned)i));
		NOTE(lseek(a, 0, SEEK_CUR));
		NOTE(lseek(b, 0, SEEK_CUR));
		note_fstat(a);
	}
	NOTE(fcntl(c, F_SETFL, O_APPEND));
	NOTE(lseek(c, 0, SEEK_SET));
	NOTE(write(c, "now at the end", 14));
	NOTE(fcntl(c, F_SETFL, 0));
	NOTE(pwrite(c, "now at 10", 9, 10));
	NOTE(ftruncate(a, 33));
	NOTE(write(b, "after truncation", 16));
	NOTE(close(a) | close(b) | close(c));
	note_data("f", 4096);
}

static void unnamed_files_work_and_can_be_named(void)
{
	char path[64];
	int fd = NOTE_FD(open(".", O_TMPFILE | O_RDWR, 0640)), dir;

	NOTE(put(fd, 40000, 0, 1));
	note_fstat(fd);
	note_pread(fd, 40000, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	NOTE(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) != 0);
	note_stat("named");
	NOTE(put(fd, 10, 100, 2));
	NOTE(close(fd));
	note_data("named", 4096);
	fd = NOTE_FD(open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0600));
	NOTE(put(fd, 100, 0, 1));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	tape_text("link of an exclusive one: %d\n", linkat(AT_FDCWD, path, AT_FDCWD, "x", AT_SYMLINK_FOLLOW));
	NOTE(close(fd));
	NOTE(open(".", O_TMPFILE | O_RDONLY, 0600));
	NOTE(open("missing", O_TMPFILE | O_RDWR, 0600));
	NOTE(open("named", O_TMPFILE | O_RDWR, 0600));
	NOTE(mkdir("sgid", 02777));
	dir = NOTE_FD(open("sgid", O_TMPFILE | O_RDWR, 0666));
	note_fstat(dir);
	NOTE(close(dir));
	note_dir(".");
}

static void unlinked_open_files_go_on(void)
{
	int fd, other;

	NOTE(put_file("f", 50000, 1));
	warm("f");
	fd = NOTE_FD(open("f", O_RDWR));
	other = NOTE_FD(open("f", O_RDONLY));
	NOTE(unlink("f"));
	note_fstat(fd);
	NOTE(put(fd, 5000, 48000, 2));
	note_pread(other, 60000, 0);
	NOTE(ftruncate(fd, 20000));
	note_fstat(other);
	NOTE(fchmod(fd, 0600));
	NOTE(fchown(fd, (uid_t)-1, (gid_t)-1));
	NOTE(futimens(fd, NULL));
	NOTE(put_file("f", 100, 3));
	note_pread(other, 60000, 0);
	NOTE(fallocate(fd, 0, 0, 30000));
	NOTE(fsync(fd));
	note_fstat(fd);
	NOTE(close(fd));
	note_pread(other, 60000, 0);
	NOTE(close(other));
	note_data("f", 4096);
}

static void files_renamed_over_open_ones_are_new(void)
{
	int fd, new;

	NOTE(put_file("f", 30000, 1) | put_file("g", 20000, 2));
	warm("f");
	warm("g");
	fd = NOTE_FD(open("f", O_RDWR));
	new = NOTE_FD(open("g", O_RDWR));
	NOTE(rename("g", "f"));
	note_fstat(fd);
	note_fstat(new);
	NOTE(put(fd, 100, 0, 3));
	NOTE(put(new, 100, 50, 4));
	note_data("f", 4096);
	note_pread(fd, 40000, 0);
	NOTE(ftruncate(fd, 10));
	note_stat("f");
	NOTE(rename("f", "h"));
	NOTE(put(new, 100, 20000, 5));
	note_data("h", 4096);
	NOTE(close(fd) | close(new));
	NOTE(access("f", F_OK));
}

static void a_truncating_open_is_seen_by_other_handles(void)
{
	int fd, writer;

	NOTE(put_file("f", 100000, 1));
	warm("f");
	fd = NOTE_FD(open("f", O_RDONLY));
	note_pread(fd, 4096, 50000);
	writer = NOTE_FD(open("f", O_WRONLY | O_TRUNC));
	note_fstat(fd);
	note_pread(fd, 4096, 50000);
	NOTE(put(writer, 3000, 0, 2));
	note_pread(fd, 4096, 0);
	NOTE(put(writer, 3000, 70000, 3));
	note_pread(fd, 4096, 69000);
	NOTE(truncate("f", 1000));
	note_pread(fd, 4096, 0);
	NOTE(put(writer, 10, 5000, 4));
	note_pread(fd, 10000, 0);
	NOTE(close(writer));
	note_pread(fd, 10000, 0);
	NOTE(close(fd));
}

static void positions_move_as_below(void)
{
	char buffer[100] = {0};
	int fd = NOTE_FD(open("f", O_RDWR | O_CREAT, 0644)), copy;

	NOTE(put(fd, 10000, 0, 1));
	NOTE(lseek(fd, -10, SEEK_END));
	NOTE(read(fd, buffer, 100));
	NOTE(read(fd, buffer, 100));
	NOTE(lseek(fd, -1, SEEK_SET));
	NOTE(lseek(fd, 20000, SEEK_SET));
	NOTE(read(fd, buffer, 100));
	NOTE(write(fd, buffer, 100));
	copy = NOTE_FD(dup(fd));
	NOTE(lseek(copy, 5, SEEK_SET));
	NOTE(read(fd, buffer, 10));
	NOTE(lseek(copy, 0, SEEK_CUR));
	NOTE(lseek(fd, 0, 99));
	NOTE(pread(fd, buffer, 10, -1));
	NOTE(pwrite(fd, buffer, 10, -1));
	NOTE(pread(fd, buffer, 0, 0));
	NOTE(pwrite(fd, buffer, 0, 999999));
	NOTE(pread(fd, buffer, 10, 1LL << 40));
	NOTE(close(fd) | close(copy));
	note_stat("f");
}

static void vectors_are_read_and_written(void)
{
	static char a[1000], b[5000], c[1];
	struct iovec parts[] = {{a, sizeof(a)}, {b, sizeof(b)}, {c, 0}, {c, 1}};
	int fd = NOTE_FD(open("f", O_RDWR | O_CREAT, 0644));

	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	*c = 'c';
	NOTE(writev(fd, parts, 4));
	NOTE(pwritev(fd, parts, 4, 100));
	NOTE(pwritev2(fd, parts, 4, -1, RWF_APPEND));
	NOTE(pwritev2(fd, parts, 1, 5, RWF_SYNC));
	NOTE(preadv(fd, parts, 4, 3000));
	NOTE(write(fd, a, sizeof(a)));
	NOTE(close(fd));
	note_data("f", 777);
}

static void space_is_allocated_in_all_modes(void)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE,
		1 << 20};
	static const struct {
		off_t offset, length;
	} ranges[] = {{0, 4096}, {8192, 8192}, {5000, 100}, {90000, 50000}, {200000, 4096}, {0, 0}, {-1, 10}};

	for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++) {
		for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
			int fd;

			NOTE(put_file("f", 100000, (unsigned)m));
			warm("f");
			fd = NOTE_FD(open("f", O_RDWR));
			tape_text("mode %x at %lld: ", (unsigned)modes[m], (long long)ranges[i].offset);
			NOTE(fallocate(fd, modes[m], ranges[i].offset, ranges[i].length));
			note_fstat(fd);
			NOTE(put(fd, 10, 99990, 7));
			NOTE(close(fd));
			note_data("f", 4096);
		}
	}
}

static void holes_are_found(void)
{
	int fd = NOTE_FD(open("f", O_RDWR | O_CREAT | O_TRUNC, 0644));

	NOTE(put(fd, 4096, 65536, 1));
	NOTE(put(fd, 4096, 1 << 20, 2));
	NOTE(ftruncate(fd, 2 << 20));
	NOTE(fsync(fd));
	for (off_t at = 0; at < 3 << 20; at += 65536 / 2) {
		NOTE(lseek(fd, at, SEEK_DATA));
		NOTE(lseek(fd, at, SEEK_HOLE));
	}
	NOTE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 65536, 4096));
	NOTE(lseek(fd, 0, SEEK_DATA));
	NOTE(lseek(fd, -1, SEEK_DATA));
	NOTE(close(fd));
	note_data("f", 100000);
}

static void ranges_are_copied_between_files(void)
{
	off_t from = 1000, to = 5;
	int in, out;

	NOTE(put_file("in", 300000, 1) | put_file("out", 1000, 2));
	warm("in");
	in = NOTE_FD(open("in", O_RDONLY));
	out = NOTE_FD(open("out", O_RDWR));
	NOTE(copy_file_range(in, &from, out, &to, 200000, 0));
	tape_text("at %lld %lld\n", (long long)from, (long long)to);
	NOTE(copy_file_range(in, NULL, out, NULL, 5000, 0));
	NOTE(lseek(in, 0, SEEK_CUR));
	NOTE(lseek(out, 0, SEEK_CUR));
	from = 299990;
	NOTE(copy_file_range(in, &from, out, NULL, 5000, 0));
	from = 400000;
	NOTE(copy_file_range(in, &from, out, NULL, 5000, 0));
	note_fstat(out);
	note_pread(out, 250000, 0);
	NOTE(copy_file_range(out, NULL, in, NULL, 10, 0));
	from = 0;
	to = 100;
	NOTE(copy_file_range(out, &from, out, &to, 1000, 0));
	to = 500000;
	NOTE(copy_file_range(out, &from, out, &to, 1000, 0));
	NOTE(copy_file_range(in, NULL, out, NULL, 10, 77));
	NOTE(close(in) | close(out));
	out = NOTE_FD(open("out", O_WRONLY | O_APPEND));
	in = NOTE_FD(open("in", O_RDONLY));
	NOTE(copy_file_range(in, NULL, out, NULL, 10, 0));
	NOTE(close(in) | close(out));
	note_data("out", 4096);
}

static void copies_cross_the_mount(void)
{
	char path[] = "/tmp/sievefs-copy.XXXXXX", text[4000];
	int outside = mkstemp(path), inside;
	off_t from = 0, to = 0;

	unlink(path);
	NOTE(put(outside, 100000, 0, 1));
	inside = NOTE_FD(open("f", O_RDWR | O_CREAT, 0644));
	/* Whether the kernel copies between two file systems is not ours to say; what it copies is. */
	if (copy_file_range(outside, &from, inside, &to, 100000, 0) < 0)
		put(inside, 100000, 0, 1);
	NOTE(pread(inside, text, sizeof(text), 96000));
	NOTE(lseek(inside, 0, SEEK_SET) | lseek(outside, 0, SEEK_SET));
	NOTE(sendfile(inside, outside, NULL, 50000));
	from = 10;
	NOTE(sendfile(outside, inside, &from, 50000));
	NOTE(close(inside));
	note_pread(outside, 200000, 0);
	NOTE(close(outside));
	note_data("f", 4096);
}

static void pipes_are_spliced(void)
{
	off_t from = 123, to = 4567;
	int pipes[2], fd;

	NOTE(put_file("in", 100000, 1));
	warm("in");
	NOTE(pipe(pipes));
	fd = NOTE_FD(open("in", O_RDONLY));
	NOTE(splice(fd, &from, pipes[1], NULL, 20000, 0) > 0);
	NOTE(close(fd));
	fd = NOTE_FD(open("out", O_RDWR | O_CREAT, 0644));
	NOTE(splice(pipes[0], NULL, fd, &to, 10000, 0));
	note_fstat(fd);
	note_pread(fd, 20000, 0);
	NOTE(write(pipes[1], "text", 4));
	NOTE(close(pipes[1]));
	to = 0;
	for (ssize_t got = 1; got > 0; to = 0)
		got = splice(pipes[0], NULL, fd, &to, 100, 0);
	note_pread(fd, 20000, 0);
	NOTE(close(pipes[0]) | close(fd));
}

static void many_handles_see_one_file(void)
{
	int fds[20];

	NOTE(put_file("f", 40000, 1));
	warm("f");
	for (int i = 0; i < 20; i++)
		fds[i] = NOTE_FD(open("f", i % 3 ? O_RDWR : O_RDONLY));
	for (int i = 0; i < 200; i++) {
		NOTE(put(fds[i % 20], 700 + 10 * (size_t)i, (i * 7919) % 60000, (unsigned)i));
		note_pread(fds[(i * 7) % 20], 5000, (i * 7919) % 60000 - (i % 5) * 10 + 40);
		if (i % 50 == 49)
			NOTE(ftruncate(fds[1], 30000 + i));
	}
	for (int i = 0; i < 20; i++)
		NOTE(close(fds[i]));
	note_data("f", 8192);
}

static const struct CMUnitTest tests[] = {
	SAME(open_flags_mean_what_they_say),
	SAME(new_files_take_their_flags),
	SAME(a_file_made_without_rights_can_be_used_by_its_maker),
	SAME(appends_go_to_the_end),
	SAME(unnamed_files_work_and_can_be_named),
	SAME(unlinked_open_files_go_on),
	SAME(files_renamed_over_open_ones_are_new),
	SAME(a_truncating_open_is_seen_by_other_handles),
	SAME(positions_move_as_below),
	SAME(vectors_are_read_and_written),
	SAME(space_is_allocated_in_all_modes),
	SAME(holes_are_found),
	SAME(ranges_are_copied_between_files),
	SAME(copies_cross_the_mount),
	SAME(pipes_are_spliced),
	SAME(many_handles_see_one_file),
};

static const struct suite suite = {
	.name = "file", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
