#include "cache/trail/trail_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/page_cache.h"
#include "cache/trail/device.h"

/* Pages at the start and at the end of the file that are looked at during the open, since readers begin
 * there; so is the rest, up to the first resident pages. */
#define FIRST_PART 16384
#define LAST_PART 4096
#define KEPT_SPANS 65536
#define STUCK_SPANS 256
#define KNOWN_SPANS 64
#define KNOWN_FRONT (2 * FINDER_LEAF)
/* For so long, known pages count as resident, even if the kernel reclaims some. */
#define KNOWN_NS CLOCK_NS_PER_S
/* A rate is measured over at least so many pages and so much time. */
#define EPOCH_PAGES 4096
#define EPOCH_NS (50 * CLOCK_NS_PER_MS)
#define STUCK_MIN_NS CLOCK_NS_PER_S
#define STUCK_MAX_NS (64 * CLOCK_NS_PER_S)
/* Pages from which on extents are searched for. Random reading must be recognized before much of it looks
 * like a stream. */
#define SEARCH_FIRST 1024
/* Pages that a reader may read between two looks. The kernel's readahead, up to two windows, comes on top. */
#define WINDOW_MIN 1024

/* All counts are 0 if the pages can't be counted. */
static struct page_cache_counts resident(int fd, const struct span *span)
{
	struct page_cache_counts counts;
	int r = page_cache_count(
		fd, (off_t)span->from * PAGE_CACHE_PAGE, (span->to - span->from) * PAGE_CACHE_PAGE, &counts);

	if (r < 0)
		counts = (struct page_cache_counts){0};
	return counts;
}

/*
 * Notes which pages are resident at the open, except in the middle of the file if resident pages make that
 * slow: the middle is left for the thread. What a reader brings in there before the thread looks is kept,
 * too, and does not count as part of its stream.
 */
static int begin_picture(struct trail_file *file, int fd)
{
	uint64_t piece = FIRST_PART, from, to;
	struct finder finder;
	int r = finder_prepare(&finder, fd, &file->kept, file->tail.span);

	if (r < 0)
		return r;
	r = finder_picture(fd, 0, FIRST_PART, &file->kept);
	to = finder.pages > FIRST_PART + LAST_PART ? finder.pages - LAST_PART : FIRST_PART;
	if (r == 0)
		r = finder_picture(fd, to, finder.pages, &file->kept);
	for (from = FIRST_PART; from < to && r == 0; piece *= 2) {
		struct span next = {from, to - from < piece ? to : from + piece};

		if (resident(fd, &next).cached > 0)
			break;
		from = next.to;
	}
	file->middle = (struct span){from, to};
	file->file_pages = finder.pages;
	return r;
}

static void begin_tail(struct trail_file *file, uint64_t pages)
{
	if (!file->has_tail)
		tail_begin(&file->tail, pages);
	file->has_tail = true;
}

int trail_file_new(uint64_t id, int fd, bool writes, uint64_t large, struct trail_file **out)
{
	struct trail_file *file = calloc(1, sizeof(*file));
	struct stat st;
	int r;

	if (!file)
		return -ENOMEM;
	file->id = id;
	file->watch = -1;
	file->truncated = UINT64_MAX;
	file->memory = UINT64_MAX;
	file->search_at = SEARCH_FIRST;
	spans_init(&file->kept, KEPT_SPANS);
	spans_init(&file->again, STUCK_SPANS);
	spans_init(&file->stuck, STUCK_SPANS);
	spans_init(&file->known, KNOWN_SPANS);
	r = begin_picture(file, fd);
	if (r < 0) {
		file->fd = -1;
		trail_file_free(file);
		return r;
	}
	file->fd = fd;
	file->device = fstat(fd, &st) == 0 ? st.st_dev : 0;
	file->began_small = writes && file->file_pages < large / PAGE_CACHE_PAGE;
	if (writes)
		begin_tail(file, file->file_pages);
	*out = file;
	return 0;
}

bool trail_file_was_read_whole(const struct trail_file *file)
{
	uint64_t kept = spans_covered(&file->kept, 0, file->file_pages);

	return file->passed && file->passed + kept >= file->file_pages - file->file_pages / 10;
}

void trail_file_free(struct trail_file *file)
{
	if (!file)
		return;
	if (file->fd >= 0)
		close(file->fd);
	spans_deinit(&file->kept);
	spans_deinit(&file->again);
	spans_deinit(&file->stuck);
	spans_deinit(&file->known);
	free(file->extents);
	free(file);
}

static void count_stat(atomic_uint_least64_t *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* --- acting ----------------------------------------------------------------------------------- */

/*
 * Mapped pages can't be dropped, and an attempt costs work on all CPUs: they are noted as stuck. For dirty
 * pages an attempt starts writeback, and the next look drops them.
 */
static void drop_gap(struct trail_file *file, const struct span *gap, const struct trail_look *look)
{
	struct page_cache_counts counts = resident(file->fd, gap);
	uint64_t before = counts.cached, after;

	if (!before)
		return;
	if (counts.writeback >= before) {
		file->left += before;
		spans_add(&file->again, gap->from, gap->to);
		return;
	}
	posix_fadvise(file->fd, (off_t)gap->from * PAGE_CACHE_PAGE,
		(off_t)(gap->to - gap->from) * PAGE_CACHE_PAGE, POSIX_FADV_DONTNEED);
	counts = resident(file->fd, gap);
	after = counts.cached;
	if (after < before) {
		count_stat(&look->stats->dropped_bytes, (before - after) * PAGE_CACHE_PAGE);
		file->passed += before - after;
	}
	file->left += after;
	if (after && (after <= before / 2 || counts.dirty + counts.writeback > after / 2)) {
		spans_add(&file->again, gap->from, gap->to);
		return;
	}
	if (after <= before / 2)
		return;
	count_stat(&look->stats->stuck_bytes, after * PAGE_CACHE_PAGE);
	file->stuck_until_ns = look->now_ns + file->stuck_pause_ns;
	file->stuck_pages += after;
	spans_add(&file->stuck, gap->from, gap->to); /* without memory for that, the next look tries again */
}

static void drop(struct trail_file *file, const struct span *span, const struct trail_look *look)
{
	uint64_t from = span->from;
	struct span outer;

	while (spans_next_gap(&file->kept, &from, span->to, &outer)) {
		uint64_t at = outer.from;
		struct span gap;

		while (spans_next_gap(&file->stuck, &at, outer.to, &gap))
			drop_gap(file, &gap, look);
	}
}

/* The pages belong to random reading, such as a database's: they stay from now on. */
static int keep(struct trail_file *file, uint64_t from, uint64_t to, const struct trail_look *look)
{
	uint64_t before = spans_covered(&file->kept, from, to);
	int r = finder_picture(file->fd, from, to, &file->kept);

	count_stat(
		&look->stats->kept_bytes, (spans_covered(&file->kept, from, to) - before) * PAGE_CACHE_PAGE);
	return r;
}

static uint64_t window_of(const struct trail_file *file, const struct trail_look *look)
{
	return look->window > file->window_min ? look->window : file->window_min;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* Adds what begin_picture() left out. */
static int complete_picture(struct trail_file *file, const struct trail_look *look)
{
	uint64_t ends = spans_covered(&file->kept, 0, UINT64_MAX);
	int r = keep(file, file->middle.from, file->middle.to, look);

	count_stat(&look->stats->kept_bytes, ends * PAGE_CACHE_PAGE);
	file->window_min = 2 * device_readahead(file->fd) + WINDOW_MIN;
	file->pictured = r == 0;
	return r;
}

/* Notes a stream as known, except its front, where pages are still to come. Adds nothing to a full set: that
 * would close gaps, and cover pages that are not resident. */
static void know(struct trail_file *file, const struct extent *e)
{
	uint64_t from = e->from + (e->backwards ? KNOWN_FRONT : 0),
		 to = e->to - (e->backwards ? 0 : KNOWN_FRONT);

	if (e->stream && e->pages + e->kept + KNOWN_FRONT >= e->to - e->from && from + KNOWN_FRONT < to &&
		file->known.count < KNOWN_SPANS)
		spans_add(&file->known, from, to);
}

/* Keeps the extents for the next search to compare with, except those of random reading. */
static int remember(struct trail_file *file, const struct extent *extents, size_t count)
{
	struct extent *copy = file->extents;

	if (count > file->extent_count) {
		copy = realloc(file->extents, count * sizeof(*extents));
		if (!copy)
			return -ENOMEM;
	}
	file->extents = copy;
	file->extent_count = 0;
	file->pages = 0;
	spans_clear(&file->known);
	for (size_t i = 0; i < count; i++) {
		if (extents[i].verdict == TRAILING_RANDOM || !extents[i].pages)
			continue;
		file->extents[file->extent_count++] = extents[i];
		file->pages += extents[i].pages;
		know(file, &extents[i]);
	}
	return 0;
}

static int act(
	struct trail_file *file, const struct extent *extents, int count, const struct trail_look *look)
{
	int r = 0;

	for (int i = 0; i < count && r == 0; i++) {
		if (extents[i].verdict == TRAILING_DROP)
			drop(file, &extents[i].drop, look);
		else if (extents[i].verdict == TRAILING_RANDOM)
			r = keep(file, extents[i].from, extents[i].to, look);
	}
	return r;
}

static int search(struct trail_file *file, struct finder *finder, const struct trail_look *look)
{
	int64_t now_ms = look->now_ns / CLOCK_NS_PER_MS;
	int count = finder_find(finder, file->extents, file->extent_count, look->extents), r;

	if (count < 0)
		return count;
	count_stat(&look->stats->searches, 1);
	if (look->ends)
		trailing_end(file->extents, file->extent_count, look->extents, (size_t)count);
	else
		file->streams = trailing_judge(file->extents, file->extent_count, look->extents,
			(size_t)count, window_of(file, look), now_ms);
	for (int i = 0; look->reopened && i < count; i++)
		if (!look->extents[i].stream)
			look->extents[i].verdict = TRAILING_RANDOM;
	r = act(file, look->extents, count, look);
	return r < 0 ? r : remember(file, look->extents, (size_t)count);
}

/* Counts the pages that are not kept, after cutting kept and known to the size of the file. */
static int64_t count_now(struct trail_file *file, struct finder *finder, const struct trail_look *look)
{
	int r = finder_prepare(finder, file->fd, &file->kept, file->tail.span);

	if (r == 0 && spans_cut(&file->kept, finder->pages))
		r = finder_prepare(finder, file->fd, &file->kept, file->tail.span);
	if (r < 0)
		return r;
	if (look->ends || look->reopened || look->now_ns - file->known_ns >= KNOWN_NS) {
		spans_clear(&file->known);
		file->known_ns = look->now_ns;
	}
	spans_cut(&file->known, finder->pages);
	finder->known = &file->known;
	return finder_count(finder);
}

/* Whether there are so many pages that a search for extents is due. */
static bool is_search_due(const struct trail_file *file, const struct trail_look *look)
{
	unsigned streams = file->streams ? file->streams : 1;
	uint64_t window = window_of(file, look), most = window * streams + window / 4;
	uint64_t pages = file->pages > file->stuck_pages ? file->pages - file->stuck_pages : 0;

	if (!pages)
		return false;
	return look->ends || look->reopened || pages > most || pages > file->search_at;
}

/* came: pages since the last look. A look without new pages ends the epoch, which then measured the pace of
 * the program, not of the device. */
static uint64_t measure(struct epoch *epoch, uint64_t came, int64_t now_ns)
{
	int64_t ns = now_ns - epoch->since_ns;
	uint64_t rate;

	if (!came || !epoch->since_ns) {
		*epoch = (struct epoch){.since_ns = came ? now_ns : 0};
		return 0;
	}
	epoch->pages += came;
	if (epoch->pages < EPOCH_PAGES || ns < EPOCH_NS)
		return 0;
	rate = (uint64_t)((double)epoch->pages * PAGE_CACHE_PAGE * CLOCK_NS_PER_S / (double)ns);
	*epoch = (struct epoch){.since_ns = now_ns};
	return rate;
}

static int look_again(
	struct trail_file *file, struct finder *finder, uint64_t old, const struct trail_look *look)
{
	uint64_t dropped = atomic_load(&look->stats->dropped_bytes);
	int r = search(file, finder, look);

	if (r < 0)
		return r;
	file->search_at = 2 * file->pages > SEARCH_FIRST ? 2 * file->pages : SEARCH_FIRST;
	if (atomic_load(&look->stats->dropped_bytes) > dropped)
		return TRAIL_FILE_DROPPED;
	return file->pages != old ? TRAIL_FILE_CHANGED : 0;
}

/* After a pause this look tries again to drop what was stuck. */
static void try_stuck_again(struct trail_file *file, const struct trail_look *look)
{
	if (!file->stuck.count)
		file->stuck_pause_ns = STUCK_MIN_NS;
	else if (look->now_ns >= file->stuck_until_ns && file->stuck_pause_ns < STUCK_MAX_NS)
		file->stuck_pause_ns *= 2;
	if (look->now_ns >= file->stuck_until_ns) {
		spans_clear(&file->stuck);
		file->stuck_pages = 0;
	}
	file->left = 0;
}

static void drop_again(struct trail_file *file, const struct trail_look *look)
{
	struct spans again = file->again;

	spans_init(&file->again, STUCK_SPANS);
	for (size_t i = 0; i < again.count; i++)
		drop(file, &again.span[i], look);
	spans_deinit(&again);
}

/* Sees to what was appended to a file that was opened for writing. */
static int look_at_tail(struct trail_file *file, uint64_t pages, struct trail_look *look)
{
	struct tail_look tail = {.pages = pages, .ends = look->ends};
	int r;

	if (!file->has_tail)
		return 0;
	r = tail_look(&file->tail, file->fd, &tail);
	count_stat(&look->stats->written_bytes, tail.appended * PAGE_CACHE_PAGE);
	count_stat(&look->stats->dropped_bytes, tail.dropped * PAGE_CACHE_PAGE);
	look->write_rate = measure(&file->written, tail.appended, look->now_ns);
	if (r < 0)
		return r;
	if (tail.dropped)
		return TRAIL_FILE_DROPPED;
	return tail.appended ? TRAIL_FILE_CHANGED : 0;
}

static int look_at_pages(struct trail_file *file, struct trail_look *look)
{
	uint64_t old = file->pages;
	struct finder finder;
	int64_t pages;

	try_stuck_again(file, look);
	drop_again(file, look);
	spans_cut(&file->kept, look->truncated);
	spans_cut(&file->known, look->truncated);
	pages = count_now(file, &finder, look);
	if (pages < 0)
		return (int)pages;
	file->pages = (uint64_t)pages;
	look->rate = measure(&file->read, file->pages > old ? file->pages - old : 0, look->now_ns);
	if (is_search_due(file, look))
		return look_again(file, &finder, old, look);
	return file->pages != old ? TRAIL_FILE_CHANGED : 0;
}

/* Nothing is done to a file that is still small: its pages stay, like those of other small files. */
static bool is_still_small(struct trail_file *file, uint64_t pages, const struct trail_look *look)
{
	return file->began_small && pages < look->large && file->tail.seen < look->large;
}

int trail_file_look(struct trail_file *file, struct trail_look *look)
{
	int64_t size = finder_pages(file->fd);
	int r, tail;

	if (size < 0)
		return (int)size;
	count_stat(&look->stats->looks, 1);
	if (look->writes_began)
		begin_tail(file, (uint64_t)size);
	if (is_still_small(file, (uint64_t)size, look)) {
		bool grew = file->small_pages != (uint64_t)size;

		file->small_pages = (uint64_t)size;
		look->small = true;
		return grew ? TRAIL_FILE_CHANGED : 0;
	}
	r = file->pictured ? 0 : complete_picture(file, look);
	tail = r < 0 ? r : look_at_tail(file, (uint64_t)size, look);
	if (tail < 0)
		return tail;
	r = look_at_pages(file, look);
	return r < 0 || r > tail ? r : tail;
}
