#include "tests/cache/trail/fixture.h"

#include "cache/base/page_cache.h"
#include "tests/support/check.h"
#include "tests/support/pages.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE 64 /* pages */

void large_file_make(struct large_file *file, uint64_t pages, int sparse)
{
	static char piece[PIECE * PAGE_CACHE_PAGE];

	if (!page_cache_can_be_counted()) {
		fprintf(stderr, "skipped: the kernel has no cachestat(2)\n");
		exit(77);
	}
	snprintf(file->path, sizeof(file->path), "large-XXXXXX");
	file->fd = mkstemp(file->path);
	assert_return_code(file->fd, errno);
	assert_return_code(ftruncate(file->fd, (off_t)pages * PAGE_CACHE_PAGE), errno);
	for (uint64_t p = 0; p < pages && !sparse; p += PIECE)
		assert_int_equal(
			pwrite(file->fd, piece, sizeof(piece), (off_t)p * PAGE_CACHE_PAGE), sizeof(piece));
	assert_return_code(fsync(file->fd), errno);
	posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
	/* so that no more is read than what is asked for */
	posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
	if (large_file_resident(file, 0, pages)) {
		fprintf(stderr, "skipped: the file system here drops no pages\n");
		unlink(file->path);
		exit(77);
	}
}

void large_file_remove(struct large_file *file)
{
	close(file->fd);
	unlink(file->path);
}

void large_file_read(const struct large_file *file, uint64_t from, uint64_t to)
{
	static char piece[PIECE * PAGE_CACHE_PAGE];

	for (uint64_t p = from; p < to; p += PIECE) {
		size_t size = (to - p < PIECE ? to - p : PIECE) * PAGE_CACHE_PAGE;

		assert_int_equal(pread(file->fd, piece, size, (off_t)p * PAGE_CACHE_PAGE), size);
	}
}

void large_file_read_alone(const struct large_file *file, uint64_t page)
{
	char bytes[PAGE_CACHE_PAGE];

	assert_int_equal(pread(file->fd, bytes, sizeof(bytes), (off_t)page * PAGE_CACHE_PAGE), sizeof(bytes));
}

uint64_t large_file_resident(const struct large_file *file, uint64_t from, uint64_t to)
{
	struct page_cache_counts counts;

	assert_int_equal(page_cache_count(file->fd, (off_t)from * PAGE_CACHE_PAGE,
				 (to - from) * PAGE_CACHE_PAGE, &counts),
		0);
	return counts.cached;
}

#define CANARY 4096

void run_undisturbed(void (*scenario)(void *outcome), void *outcome)
{
	bool disturbed = true;
	int keeps = pages_keep();

	for (int tries = 0; tries < 5 && disturbed; tries++) {
		struct large_file canary;

		large_file_make(&canary, CANARY, 1);
		large_file_read(&canary, 0, CANARY);
		scenario(outcome);
		disturbed = large_file_resident(&canary, 0, CANARY) < CANARY / 8 * 7;
		large_file_remove(&canary);
	}
	close(keeps);
	if (disturbed)
		SKIP_TEST("others empty the page cache all the time");
}
