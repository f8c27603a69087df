#include "tests/support/tape.h"
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/tree.h"
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAPE_SIZE (4u << 20)

struct tape {
	size_t used;
	char text[TAPE_SIZE];
};

static struct tape *tape;

void tape_text(const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(tape->text + tape->used, TAPE_SIZE - tape->used, format, arguments);
	va_end(arguments);
	if (length > 0 && tape->used + (size_t)length < TAPE_SIZE)
		tape->used += (size_t)length;
}

void tape_note(const char *what, long long result, int error)
{
	if (result == -1 && error)
		tape_text("%s = %s\n", what, strerrorname_np(error));
	else
		tape_text("%s = %lld\n", what, result);
	errno = error;
}

static void note_stat_result(const char *what, int r, const struct stat *st)
{
	if (r)
		tape_text("stat %s = %s\n", what, strerrorname_np(errno));
	else
		tape_text("stat %s = mode %o uid %u gid %u nlink %lu size %lld rdev %lx\n", what, st->st_mode,
			st->st_uid, st->st_gid, (unsigned long)st->st_nlink,
			S_ISDIR(st->st_mode) ? 0 : (long long)st->st_size, (unsigned long)st->st_rdev);
}

void note_stat(const char *path)
{
	struct stat st;
	int r = lstat(path, &st);

	note_stat_result(path, r, &st);
}

void note_fstat(int fd)
{
	struct stat st;
	int r = fstat(fd, &st);

	note_stat_result("descriptor", r, &st);
}

void note_data(const char *path, size_t step)
{
	char *buffer = malloc(step);
	uint64_t hash = HASH_START;
	long long total = 0;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		tape_text("data %s = %s\n", path, strerrorname_np(errno));
	while (fd >= 0 && buffer && (got = read(fd, buffer, step)) > 0) {
		hash = hash_bytes(hash, buffer, (size_t)got);
		total += got;
	}
	if (fd >= 0 && got < 0)
		tape_text("data %s after %lld = %s\n", path, total, strerrorname_np(errno));
	else if (fd >= 0)
		tape_text("data %s = %lld bytes %016llx\n", path, total, (unsigned long long)hash);
	if (fd >= 0)
		close(fd);
	free(buffer);
}

void note_pread(int fd, size_t length, off_t offset)
{
	char *buffer = NULL;
	ssize_t got;

	if (posix_memalign((void **)&buffer, 4096, length + 1))
		return;
	got = pread(fd, buffer, length, offset);
	if (got < 0)
		tape_text("pread %zu at %lld = %s\n", length, (long long)offset, strerrorname_np(errno));
	else
		tape_text("pread %zu at %lld = %zd bytes %016llx\n", length, (long long)offset, got,
			(unsigned long long)hash_bytes(HASH_START, buffer, (size_t)got));
	free(buffer);
}

void note_dir(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);

	if (count < 0)
		tape_text("dir %s = %s\n", path, strerrorname_np(errno));
	for (int i = 0; i < count; i++) {
		tape_text("dir %s: %s type %d\n", path, entries[i]->d_name, entries[i]->d_type);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

void note_xattrs(const char *path)
{
	GString *text = g_string_new(NULL);

	describe_xattrs(text, path);
	tape_text("xattrs %s =%s\n", path, text->str);
	g_string_free(text, TRUE);
}

ssize_t put(int fd, size_t length, off_t offset, unsigned salt)
{
	struct random random = {.state = salt * 1000003u + (uint64_t)offset};
	void *buffer = NULL;
	ssize_t done;
	int saved;

	if (posix_memalign(&buffer, 4096, length + 1)) {
		errno = ENOMEM;
		return -1;
	}
	random_fill(&random, buffer, length);
	done = pwrite(fd, buffer, length, offset);
	saved = errno;
	free(buffer);
	errno = saved;
	return done;
}

int put_file(const char *path, size_t length, unsigned salt)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t done;

	if (fd < 0)
		return -1;
	done = put(fd, length, 0, salt);
	return close(fd) || done != (ssize_t)length ? -1 : 0;
}

/* Reads the file to its end. Returns whether it is on a mount that may cache it. */
static bool read_through(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct statfs fs = {0};
	char buffer[4096];

	while (fd >= 0 && read(fd, buffer, sizeof(buffer)) > 0)
		;
	if (fd >= 0) {
		fstatfs(fd, &fs);
		close(fd);
	}
	return fs.f_type == FUSE_SUPER_MAGIC;
}

void warm(const char *path)
{
	for (int round = 0; round < 3 && read_through(path); round++)
		poll(NULL, 0, 6);
}

bool user_begin_with_group(uid_t uid, gid_t gid, gid_t supplementary)
{
	pid_t child;
	int status;

	child = suite_fork();
	if (child < 0) {
		tape_text("fork = %s\n", strerrorname_np(errno));
		return false;
	}
	if (child) {
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
		if (status)
			tape_text("child of uid %u ended with %#x\n", uid, status);
		return false;
	}
	if (setgroups(supplementary ? 1 : 0, &supplementary) || setresgid(gid, gid, gid) ||
		setresuid(uid, uid, uid)) {
		tape_text("becoming uid %u = %s\n", uid, strerrorname_np(errno));
		_exit(1);
	}
	prctl(PR_SET_DUMPABLE, 1);
	return true;
}

bool user_begin(uid_t uid, gid_t gid)
{
	return user_begin_with_group(uid, gid, 0);
}

void user_end(void)
{
	_exit(0);
}

static char *run_in(const char *root, unsigned number, sequence_function *sequence)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%u", root, number);
	if (mkdir(path, 0777) || chmod(path, 0777) || chdir(path))
		fail_msg("%s: %s", path, strerror(errno));
	memset(tape, 0, sizeof(tape->used));
	umask(022);
	sequence();
	umask(022);
	close_range(3, ~0u, 0); /* what a sequence left open would keep the mount busy */
	if (chdir("/"))
		fail_msg("chdir /: %s", strerror(errno));
	return g_strndup(tape->text, tape->used);
}

void assert_same_trees(const char *a, const char *b)
{
	GString *text_a = tree_describe(a), *text_b = tree_describe(b);
	char *difference = text_difference(text_a->str, text_b->str, a, b);

	if (difference)
		fail_msg("the trees differ, %s", difference);
	g_string_free(text_a, TRUE);
	g_string_free(text_b, TRUE);
}

static void compare_trees(unsigned number)
{
	char bare[PATH_MAX], source[PATH_MAX], point[PATH_MAX];

	snprintf(bare, sizeof(bare), "%.3000s/%u", bare_dir, number);
	snprintf(source, sizeof(source), "%.3000s/%u", mounted.source, number);
	snprintf(point, sizeof(point), "%.3000s/%u", mounted.point, number);
	assert_same_trees(bare, source);
	assert_same_trees(bare, point);
}

void tape_same(void **state)
{
	static unsigned number;
	char *on_bare, *on_mount, *difference;

	number++;
	if (!tape) {
		tape = mmap(NULL, sizeof(*tape), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		assert_ptr_not_equal(tape, MAP_FAILED);
	}
	on_bare = run_in(bare_dir, number, (sequence_function *)*state);
	on_mount = run_in(mounted.point, number, (sequence_function *)*state);
	difference = text_difference(on_bare, on_mount, "bare ", "mount");
	if (difference)
		fail_msg("the answers differ, %s", difference);
	g_free(on_bare);
	g_free(on_mount);
	compare_trees(number);
}

void tape_same_as_root(void **state)
{
	if (geteuid())
		SKIP_TEST("needs root");
	tape_same(state);
}
