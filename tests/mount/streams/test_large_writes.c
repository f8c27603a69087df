/* Large files written in every way at once, compared with the same on the bare directory. */
#include "tests/support/random.h"
#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_MAX (40 << 20)
#define REQUEST_MAX (3 << 20)
#define STEPS 500
#define PAGE 4096

enum side { BARE, MOUNT, SIDES };

/* Handles on one file, of the ways to write it. */
static const int ways[] = {
	O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_WRONLY | O_DSYNC, O_RDWR | O_DIRECT, O_RDWR | O_SYNC};
#define WAYS (sizeof(ways) / sizeof(*ways))

struct pair {
	const char *name;
	int fd[WAYS][SIDES];
	struct random random;
	off_t next; /* where a sequential writer goes on */
	unsigned char *buffer[SIDES];
};

static unsigned below(struct pair *pair, unsigned limit)
{
	return (unsigned)random_below(&pair->random, limit);
}

static int open_side(const char *name, enum side side, int flags)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%.3000s/%s", side == BARE ? bare_dir : mounted.point, name);
	fd = open(path, flags | O_CLOEXEC, 0644);
	assert_return_code(fd, errno);
	return fd;
}

static void open_way(struct pair *pair, size_t way, int more)
{
	for (int s = BARE; s < SIDES; s++) {
		if (pair->fd[way][s] >= 0)
			close(pair->fd[way][s]);
		pair->fd[way][s] = open_side(pair->name, s, ways[way] | O_CREAT | more);
	}
}

static off_t size_of(const struct pair *pair, enum side side)
{
	struct stat st;

	assert_return_code(fstat(pair->fd[0][side], &st), errno);
	return st.st_size;
}

/* Sizes around the limits: pages, requests, windows. */
static size_t some_size(struct pair *pair, bool aligned)
{
	static const size_t sizes[] = {
		1, 511, 4096, 65536, 100000, 262144, 262145, 1 << 20, (1 << 20) + 3, REQUEST_MAX};
	size_t size = sizes[below(pair, sizeof(sizes) / sizeof(*sizes))];

	if (!below(pair, 3))
		size = 1 + below(pair, REQUEST_MAX);
	return aligned ? (size + PAGE - 1) & ~(size_t)(PAGE - 1) : size;
}

static off_t some_place(struct pair *pair, bool aligned)
{
	off_t place = below(pair, 3) ? pair->next : below(pair, FILE_MAX);

	if (place > FILE_MAX)
		place = 0;
	return aligned ? place & ~(off_t)(PAGE - 1) : place;
}

static void do_write(struct pair *pair)
{
	size_t way = below(pair, WAYS);
	bool aligned = ways[way] & O_DIRECT || below(pair, 2);
	size_t size = some_size(pair, aligned);
	off_t place = some_place(pair, aligned);

	if (ways[way] & O_APPEND && size_of(pair, BARE) > FILE_MAX)
		return;
	random_fill(&pair->random, (char *)pair->buffer[BARE], size);
	for (int s = BARE; s < SIDES; s++)
		assert_int_equal(pwrite(pair->fd[way][s], pair->buffer[BARE], size, place), size);
	pair->next = place + (off_t)size;
}

static void do_read(struct pair *pair)
{
	bool aligned = below(pair, 2);
	size_t size = some_size(pair, aligned), way = aligned ? 4 : 1 + below(pair, 2) * 4;
	off_t place = some_place(pair, aligned) - (below(pair, 2) ? (off_t)size : 0);
	ssize_t got[SIDES];

	place = place < 0 ? 0 : place;
	for (int s = BARE; s < SIDES; s++)
		got[s] = pread(pair->fd[way][s], pair->buffer[s], size, place);
	assert_int_equal(got[BARE], got[MOUNT]);
	if (got[BARE] > 0 && memcmp(pair->buffer[BARE], pair->buffer[MOUNT], (size_t)got[BARE]))
		fail_msg("%zd bytes read at %jd differ", got[BARE], (intmax_t)place);
}

static void do_map(struct pair *pair)
{
	off_t size = size_of(pair, BARE), place = some_place(pair, true);

	if (place + PAGE > size)
		return;
	for (int s = BARE; s < SIDES; s++) {
		char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, pair->fd[1][s], place);

		assert_ptr_not_equal(map, MAP_FAILED);
		memset(map + 100, 'm', 3000);
		munmap(map, PAGE);
	}
}

static void do_truncate(struct pair *pair)
{
	off_t size = some_place(pair, below(pair, 2));

	for (int s = BARE; s < SIDES; s++)
		assert_return_code(ftruncate(pair->fd[0][s], size), errno);
}

static void do_range(struct pair *pair)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	int mode = modes[below(pair, 4)];
	off_t place = some_place(pair, false), size = (off_t)some_size(pair, false);

	for (int s = BARE; s < SIDES; s++)
		assert_return_code(fallocate(pair->fd[1][s], mode, place, size), errno);
}

static void do_copy(struct pair *pair)
{
	off_t from = some_place(pair, false), size = (off_t)some_size(pair, false), end = size_of(pair, BARE);

	for (int s = BARE; s < SIDES; s++) {
		off_t in = from, out = FILE_MAX / 2 + from, left = from + size <= end ? size : 0;

		if (in + size > out)
			return;
		while (left > 0) {
			ssize_t n =
				copy_file_range(pair->fd[1][s], &in, pair->fd[0][s], &out, (size_t)left, 0);

			assert_true(n > 0);
			left -= n;
		}
	}
}

static void do_sync_or_reopen(struct pair *pair)
{
	size_t way = below(pair, WAYS);

	if (below(pair, 2)) {
		assert_return_code(fsync(pair->fd[way][MOUNT]), errno);
		posix_fadvise(pair->fd[way][MOUNT], 0, 0, POSIX_FADV_DONTNEED);
	} else {
		open_way(pair, way, below(pair, 20) ? 0 : O_TRUNC);
	}
}

static void compare_whole(struct pair *pair)
{
	off_t size = size_of(pair, BARE);

	assert_int_equal(size, size_of(pair, MOUNT));
	for (off_t at = 0; at < size; at += REQUEST_MAX) {
		ssize_t got[SIDES];

		for (int s = BARE; s < SIDES; s++)
			got[s] = pread(pair->fd[1][s], pair->buffer[s], REQUEST_MAX, at);
		assert_int_equal(got[BARE], got[MOUNT]);
		for (ssize_t i = 0; i < got[BARE]; i++)
			if (pair->buffer[BARE][i] != pair->buffer[MOUNT][i])
				fail_msg("byte %jd differs", (intmax_t)(at + i));
	}
}

static void a_large_file_written_in_every_way_agrees_with_a_plain_one(void **state)
{
	static void (*const operations[])(struct pair *) = {do_write, do_write, do_write, do_write, do_write,
		do_write, do_write, do_read, do_read, do_read, do_map, do_truncate, do_range, do_copy,
		do_sync_or_reopen, do_sync_or_reopen};
	struct pair pair = {.name = "pair", .random = {.state = config.seed}};
	char source[PATH_MAX], bare[PATH_MAX];

	memset(pair.fd, -1, sizeof(pair.fd));
	for (int s = BARE; s < SIDES; s++)
		pair.buffer[s] = aligned_alloc(PAGE, REQUEST_MAX + PAGE);
	for (size_t way = 0; way < WAYS; way++)
		open_way(&pair, way, way ? 0 : O_TRUNC);
	for (unsigned long step = 0; step < (config.op_count ? config.op_count : STEPS); step++) {
		operations[below(&pair, sizeof(operations) / sizeof(*operations))](&pair);
		assert_int_equal(size_of(&pair, BARE), size_of(&pair, MOUNT));
	}
	compare_whole(&pair);
	for (size_t way = 0; way < WAYS; way++)
		for (int s = BARE; s < SIDES; s++)
			close(pair.fd[way][s]);
	snprintf(source, sizeof(source), "%.3000s/pair", mounted.source);
	snprintf(bare, sizeof(bare), "%.3000s/pair", bare_dir);
	assert_int_equal(shell(NULL, 0, "cmp %s %s", bare, source), 0);
	for (int s = BARE; s < SIDES; s++)
		free(pair.buffer[s]);
}

/* --- several writers -------------------------------------------------------------------------- */

#define WRITERS 4
#define STRIPE 700001
#define STRIPES 12 /* of each writer */
#define END ((off_t)WRITERS * STRIPES * STRIPE)

static unsigned char byte_of(unsigned writer, unsigned stripe)
{
	return (unsigned char)(1 + writer * STRIPES + stripe);
}

static void write_stripes(unsigned writer)
{
	static const int flags[WRITERS] = {O_WRONLY, O_RDWR, O_WRONLY | O_DSYNC, O_WRONLY};
	char *buf = malloc(STRIPE);
	int fd = open_side("shared", MOUNT, flags[writer]);

	for (unsigned i = 0; i < STRIPES; i++) {
		memset(buf, byte_of(writer, i), STRIPE);
		if (pwrite(fd, buf, STRIPE, (off_t)(i * WRITERS + writer) * STRIPE) != STRIPE)
			_exit(1);
	}
	_exit(close(fd) != 0);
}

/* What lies behind the writers comes and goes; nothing of theirs may. */
static void move_the_end(int fd)
{
	for (unsigned i = 0; i < 200; i++)
		assert_return_code(ftruncate(fd, END + (off_t)(i % 5) * 300000), errno);
	assert_return_code(ftruncate(fd, END), errno);
}

static void writers_of_neighbouring_stripes_lose_nothing_while_the_end_moves(void **state)
{
	unsigned char *buf = malloc(STRIPE);
	int fd = open_side("shared", MOUNT, O_RDWR | O_CREAT | O_TRUNC), status;

	assert_return_code(ftruncate(fd, END), errno);
	for (unsigned i = 0; i < WRITERS; i++)
		if (!suite_fork())
			write_stripes(i);
	move_the_end(fd);
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (unsigned i = 0; i < WRITERS * STRIPES; i++) {
		unsigned char right = byte_of(i % WRITERS, i / WRITERS);

		assert_int_equal(pread(fd, buf, STRIPE, (off_t)i * STRIPE), STRIPE);
		for (size_t k = 0; k < STRIPE; k++)
			if (buf[k] != right)
				fail_msg("byte %zu of stripe %u is %02x, not %02x", k, i, buf[k], right);
	}
	close(fd);
	free(buf);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_large_file_written_in_every_way_agrees_with_a_plain_one),
	cmocka_unit_test(writers_of_neighbouring_stripes_lose_nothing_while_the_end_moves),
};

static const struct suite suite = {.name = "large_writes",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.mounts = true,
	.needs_root = true};

SUITE_MAIN(suite)
