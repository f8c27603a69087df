#include "cache/trail/tail.h"

#include <fcntl.h>

#include "cache/base/page_cache.h"

static int count(int fd, const struct span *span, struct page_cache_counts *counts)
{
	return page_cache_count(
		fd, (off_t)span->from * PAGE_CACHE_PAGE, (span->to - span->from) * PAGE_CACHE_PAGE, counts);
}

static void forget(struct tail *tail)
{
	tail->span = (struct span){tail->seen, tail->seen};
}

void tail_begin(struct tail *tail, uint64_t pages)
{
	*tail = (struct tail){.seen = pages};
	forget(tail);
}

/* A file that was made longer without being written has holes, which are not looked through. */
static int see_growth(struct tail *tail, int fd, struct tail_look *look)
{
	struct span new = {tail->seen, look->pages};
	struct page_cache_counts counts;
	int r = 0;

	tail->seen = look->pages;
	if (new.from > new.to) { /* truncated */
		if (tail->span.to > new.to)
			tail->span.to = new.to;
		if (tail->span.from >= tail->span.to)
			forget(tail);
	} else if (new.from < new.to) {
		r = count(fd, &new, &counts);
		look->appended = r < 0 ? 0 : counts.cached;
		if (r < 0 || counts.cached < (new.to - new.from) / 2)
			forget(tail);
		else
			tail->span.to = new.to;
	}
	return r;
}

static void start_writeback(struct tail *tail, int fd, const struct span *piece, uint64_t *being_written)
{
	if (*being_written >= TAIL_AT_ONCE)
		return;
	/* an error is left for the program's fsync(2) */
	sync_file_range(fd, (off_t)piece->from * PAGE_CACHE_PAGE,
		(off_t)(piece->to - piece->from) * PAGE_CACHE_PAGE, SYNC_FILE_RANGE_WRITE);
	*being_written += piece->to - piece->from;
}

/* Pages that are mapped or in use at the moment stay. */
static int drop(int fd, const struct span *piece, struct page_cache_counts *counts)
{
	posix_fadvise(fd, (off_t)piece->from * PAGE_CACHE_PAGE,
		(off_t)(piece->to - piece->from) * PAGE_CACHE_PAGE, POSIX_FADV_DONTNEED);
	return count(fd, piece, counts);
}

static struct span next_piece(const struct tail *tail, uint64_t from)
{
	struct span piece = {from, from - from % TAIL_PIECE + TAIL_PIECE};

	if (piece.to > tail->span.to)
		piece.to = tail->span.to;
	return piece;
}

/* Whether the writer has gone on. */
static bool is_complete(const struct tail *tail, const struct span *piece, bool ends)
{
	return ends || piece->to < tail->span.to;
}

static int see_to(
	struct tail *tail, int fd, const struct span *piece, struct tail_look *look, uint64_t *being_written)
{
	struct page_cache_counts counts;
	uint64_t before;
	int r = count(fd, piece, &counts);

	if (r < 0)
		return r;
	before = counts.cached;
	if (is_complete(tail, piece, look->ends)) {
		if (counts.dirty)
			start_writeback(tail, fd, piece, being_written);
		else if (counts.cached && !counts.writeback)
			r = drop(fd, piece, &counts);
		/* pages that can't be dropped now are left to the search for extents */
		if (r == 0 && !counts.dirty && !counts.writeback && piece->from == tail->span.from)
			tail->span.from = piece->to;
	}
	if (counts.cached < before)
		look->dropped += before - counts.cached;
	tail->resident += counts.cached;
	tail->unwritten += counts.dirty + counts.writeback;
	return r;
}

static int64_t count_writeback(const struct tail *tail, int fd)
{
	struct page_cache_counts counts;
	int r;

	if (tail->span.from == tail->span.to)
		return 0;
	r = count(fd, &tail->span, &counts);
	return r < 0 ? r : (int64_t)counts.writeback;
}

int tail_look(struct tail *tail, int fd, struct tail_look *look)
{
	uint64_t being_written;
	struct span piece;
	int64_t found;
	int r;

	look->appended = look->dropped = 0;
	r = see_growth(tail, fd, look);
	tail->resident = tail->unwritten = 0;
	found = r < 0 ? r : count_writeback(tail, fd);
	if (found < 0)
		return (int)found;
	being_written = (uint64_t)found;
	for (uint64_t at = tail->span.from; at < tail->span.to && r == 0; at = piece.to) {
		piece = next_piece(tail, at);
		r = see_to(tail, fd, &piece, look, &being_written);
	}
	if (tail->span.from >= tail->span.to)
		tail->span = (struct span){tail->seen, tail->seen};
	return r;
}
