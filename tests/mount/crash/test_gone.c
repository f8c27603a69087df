/* What files that were open can still do once the daemon was killed: sievefs(8), PROMISES, says the same. */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 100000
#define BLOCK 4096

static const struct lane_row {
	const char *lane;
	bool kernel_reads, kernel_writes; /* files that are opened so are passed through */
} lanes[] = {
	{"plain", true, true},
	{"cached", true, true},
	{"copied", true, true},
	{"trailed", true, false},
	{"written", true, true},
	{"direct", false, false},
	{"served", false, false},
};

static const struct lane_row *lane_of_config(void)
{
	for (size_t i = 0; i < sizeof(lanes) / sizeof(*lanes); i++) {
		if (config.lane && !strcmp(config.lane, lanes[i].lane))
			return &lanes[i];
	}
	fail_msg("the test has no row of this lane");
	return NULL;
}

static void kill_daemon(struct mount *mount)
{
	int status;

	kill(mount->daemon, SIGKILL);
	waitpid(mount->daemon, &status, 0);
	mount->daemon = 0;
}

/* A request that the kernel takes while it ends the connection says the first. */
#define assert_lost(r)                                     \
	do {                                               \
		assert_int_equal(r, -1);                   \
		if (errno != ECONNABORTED)                 \
			assert_int_equal(errno, ENOTCONN); \
	} while (0)

static void check_reader(int fd, bool kernel)
{
	static char bytes[SIZE];

	if (!kernel) {
		assert_lost((int)pread(fd, bytes, SIZE, 0));
		return;
	}
	assert_int_equal(pread(fd, bytes, SIZE, 0), SIZE);
	assert_memory_equal(bytes, "before", 6);
}

/* Whatever is written is in the file in SOURCE at once. */
static void check_writer(int fd, const char *source, bool kernel)
{
	int below = open_below(source, "written", O_RDONLY);
	char bytes[5];
	struct stat st;

	if (kernel) {
		assert_int_equal(pwrite(fd, "after", 5, 0), 5);
		assert_int_equal(pwrite(fd, "after", 5, SIZE), 5);
	} else {
		assert_lost((int)pwrite(fd, "after", 5, 0));
	}
	assert_int_equal(pread(below, bytes, 5, 0), 5);
	assert_memory_equal(bytes, kernel ? "after" : "befor", 5);
	assert_return_code(fstat(below, &st), errno);
	assert_int_equal(st.st_size, SIZE + (kernel ? 5 : 0));
	close(below);
}

static void check_all_else(int fd, const struct mount *mount)
{
	char path[PATH_MAX];
	struct stat st;

	path_below(path, mount->point, "read");
	assert_lost(open(path, O_RDONLY | O_CLOEXEC));
	assert_lost(stat(path, &st));
	assert_lost(unlink(path));
	assert_lost(fstat(fd, &st));
	assert_lost(ftruncate(fd, 0));
	assert_lost(fsync(fd));
	assert_lost(flock(fd, LOCK_SH));
}

/* Both files have bytes that tell before from after. */
static void put_files(const struct mount *mount)
{
	static const char *const names[] = {"read", "written"};
	char path[PATH_MAX];
	int fd;

	for (int i = 0; i < 2; i++) {
		path_below(path, mount->source, names[i]);
		assert_return_code(put_file(path, SIZE, 1), errno);
		fd = open_below(mount->source, names[i], O_WRONLY);
		assert_int_equal(pwrite(fd, "before", 6, 0), 6);
		close(fd);
	}
	path_below(path, mount->point, "read");
	warm(path);
}

static void open_files_that_the_kernel_passes_through_outlive_the_daemon(void **state)
{
	const struct lane_row *lane = lane_of_config();
	struct mount mount;
	int reader, writer;
	char *memory;

	mount_start(&mount, "gone", "entry_timeout=0,attr_timeout=0");
	put_files(&mount);
	reader = open_below(mount.point, "read", O_RDONLY);
	writer = open_below(mount.point, "written", O_WRONLY);
	memory = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, reader, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	kill_daemon(&mount);
	check_reader(reader, lane->kernel_reads);
	/* of a served file, a page that was not there before is the end of who touches it */
	if (strcmp(lane->lane, "served"))
		assert_memory_equal(memory, "before", 6);
	check_writer(writer, mount.source, lane->kernel_writes);
	check_all_else(writer, &mount);
	munmap(memory, BLOCK);
	close(writer);
	close(reader);
	assert_return_code(umount2(mount.point, 0), errno);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(open_files_that_the_kernel_passes_through_outlive_the_daemon),
};

static const struct suite suite = {.name = "gone",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
