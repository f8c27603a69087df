/* kill -9 of the daemon during writes: everything whose write(2), fsync(2) or msync(2) returned lies in the
 * backing file, with the mount's own thresholds for what is dirty and without. --ops=N: so many kills. */
#include "cache/base/page_cache.h"
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK 4096
#define BLOCKS 64
#define WRITERS 5
#define KILLS 6
#define SOONEST_MS 100
#define LATEST_MS 500

enum writer { WITH_READER, OPENS_AFRESH, AROUND_THE_CACHE, SYNCS, MAPS };

/* Shared with the writers: the number that each last wrote into each block, and the one that it is writing.
 */
struct ledger {
	unsigned done[WRITERS][BLOCKS], begun[WRITERS][BLOCKS];
	unsigned long writes;
};

static void fill_block(unsigned *block, unsigned number)
{
	for (size_t i = 0; i < BLOCK / sizeof(*block); i++)
		block[i] = number;
}

static int open_as(enum writer writer, const char *path)
{
	int flags = writer == AROUND_THE_CACHE ? O_WRONLY | O_DIRECT : writer == MAPS ? O_RDWR : O_WRONLY;

	return open(path, flags | O_CLOEXEC);
}

/* False: the daemon is gone. A store into a mapping of its is the end of who makes it. */
static bool write_block(enum writer writer, int fd, const unsigned *block, off_t offset)
{
	char *memory;
	bool ok;

	if (writer != MAPS)
		return pwrite(fd, block, BLOCK, offset) == BLOCK && (writer != SYNCS || fsync(fd) == 0);
	memory = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (memory == MAP_FAILED)
		return false;
	memcpy(memory, block, BLOCK);
	ok = msync(memory, BLOCK, MS_SYNC) == 0;
	munmap(memory, BLOCK);
	return ok;
}

/* Writers differ in how they open and write: one while a reader holds the file. */
static void write_on(struct ledger *ledger, enum writer writer, const char *path)
{
	static unsigned block[BLOCK / sizeof(unsigned)] __attribute__((aligned(4096)));
	struct random random = {.state = config.seed + writer};
	int fd = -1;

	for (unsigned number = 1;; number++) {
		unsigned at = (unsigned)random_below(&random, BLOCKS);

		if (fd < 0)
			fd = open_as(writer, path);
		if (fd < 0)
			_exit(0);
		fill_block(block, number);
		ledger->begun[writer][at] = number;
		if (!write_block(writer, fd, block, (off_t)at * BLOCK))
			_exit(0);
		ledger->done[writer][at] = number;
		__atomic_add_fetch(&ledger->writes, 1, __ATOMIC_RELAXED);
		if (writer == OPENS_AFRESH) {
			close(fd);
			fd = -1;
		}
	}
}

static void check_file(const struct ledger *ledger, unsigned writer, const char *path)
{
	static unsigned block[BLOCK / sizeof(unsigned)];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	for (unsigned at = 0; at < BLOCKS; at++) {
		unsigned done = ledger->done[writer][at], begun = ledger->begun[writer][at];

		assert_int_equal(pread(fd, block, BLOCK, (off_t)at * BLOCK), BLOCK);
		for (size_t i = 0; i < BLOCK / sizeof(*block); i++)
			if (block[i] != done && block[i] != begun)
				fail_msg("writer %u, block %u: write %u returned, the file has %u", writer,
					at, done, block[i]);
	}
	close(fd);
}

static void name_file(char path[PATH_MAX], const char *root, unsigned writer)
{
	snprintf(path, PATH_MAX, "%.3000s/file%u", root, writer);
}

static void kill_during_writes(struct mount *mount, struct ledger *ledger, int after_ms)
{
	char path[PATH_MAX];
	pid_t writers[WRITERS];
	int readers[WRITERS], status;

	memset(ledger, 0, sizeof(*ledger));
	for (unsigned i = 0; i < WRITERS; i++) {
		name_file(path, mount->source, i);
		assert_return_code(put_file(path, 0, 0), errno);
		assert_return_code(truncate(path, BLOCKS * BLOCK), errno);
		name_file(path, mount->point, i);
		warm(path);
		readers[i] = i == WITH_READER ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		writers[i] = suite_fork();
		assert_return_code(writers[i], errno);
		if (!writers[i])
			write_on(ledger, i, path);
	}
	poll(NULL, 0, after_ms);
	kill(mount->daemon, SIGKILL);
	waitpid(mount->daemon, &status, 0);
	mount->daemon = 0;
	umount2(mount->point, MNT_DETACH);
	for (unsigned i = 0; i < WRITERS; i++) {
		kill(writers[i], SIGKILL);
		waitpid(writers[i], &status, 0);
		if (readers[i] >= 0)
			close(readers[i]);
	}
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
	struct ledger *ledger =
		mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned kills = config.op_count ? (unsigned)config.op_count : KILLS;
	struct random random = {.state = config.seed};
	char path[PATH_MAX], name[32];

	assert_ptr_not_equal(ledger, MAP_FAILED);
	for (unsigned round = 0; round < kills; round++) {
		bool thresholds = round % 2 && page_cache_can_be_counted();
		int after_ms = SOONEST_MS + (int)random_below(&random, LATEST_MS - SOONEST_MS);
		struct mount mount;

		snprintf(name, sizeof(name), "kill%u", round);
		mount_start(&mount, name,
			thresholds
				? "dirty_expire=100ms,dirty_writeback=10ms,dirty_background=1M,dirty_max=1M"
				: NULL);
		kill_during_writes(&mount, ledger, after_ms);
		assert_true(ledger->writes > 20);
		for (unsigned i = 0; i < WRITERS; i++) {
			name_file(path, mount.source, i);
			check_file(ledger, i, path);
			assert_return_code(unlink(path), errno);
		}
	}
	munmap(ledger, sizeof(*ledger));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_was_acknowledged_survives_kill_9),
};

static const struct suite suite = {.name = "kill",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
