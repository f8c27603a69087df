#include "cache/trail/finder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cache/base/page_cache.h"

/* Pages per call of mincore(2). */
#define PICTURE_PIECE 65536

static int64_t look(int fd, uint64_t from, uint64_t to)
{
	struct page_cache_counts counts;
	int r;

	if (from >= to)
		return 0; /* a size of 0 would be the rest of the file */
	r = page_cache_count(fd, (off_t)from * PAGE_CACHE_PAGE, (to - from) * PAGE_CACHE_PAGE, &counts);
	return r < 0 ? r : (int64_t)counts.cached;
}

/* Skips known pages: cachestat(2) visits each resident page, so that each look would visit all pages behind
 * the front of a stream again. */
static int64_t count(const struct finder *finder, uint64_t from, uint64_t to)
{
	const struct spans *known = finder->known;
	struct span gap;
	int64_t sum;

	if (!known || !known->count || from >= to)
		return look(finder->fd, from, to);
	sum = (int64_t)spans_covered(known, from, to);
	while (spans_next_gap(known, &from, to, &gap)) {
		int64_t resident = look(finder->fd, gap.from, gap.to);

		if (resident < 0)
			return resident;
		sum += resident;
	}
	return sum;
}

/* --- what to count ---------------------------------------------------------------------------- */

int64_t finder_pages(int fd)
{
	int64_t size = page_cache_file_size(fd);

	return size < 0 ? size : (size + PAGE_CACHE_PAGE - 1) / PAGE_CACHE_PAGE;
}

static void add_part(struct finder *finder, uint64_t from, uint64_t to)
{
	if (from < to)
		finder->sections[finder->section_count++] =
			(struct section){from, to, spans_covered(finder->kept, from, to)};
}

static void add_section(struct finder *finder, uint64_t from, uint64_t to)
{
	const struct span *apart = &finder->apart;

	if (apart->from >= apart->to || apart->to <= from || to <= apart->from) {
		add_part(finder, from, to);
		return;
	}
	add_part(finder, from, apart->from);
	add_part(finder, apart->to, to);
}

int finder_prepare(struct finder *finder, int fd, const struct spans *kept, struct span apart)
{
	uint64_t from = 0, longest;
	int64_t pages = finder_pages(fd);

	if (pages < 0)
		return (int)pages;
	*finder = (struct finder){
		.fd = fd,
		.pages = (uint64_t)pages,
		.kept = kept,
		.apart = apart,
	};
	/* at most FINDER_SECTIONS - 2 spans of this length fit into the file; apart may divide a section */
	longest = finder->pages / (FINDER_SECTIONS - 2) + FINDER_LEAF;
	for (size_t i = 0; i < kept->count; i++) {
		if (kept->span[i].to - kept->span[i].from < longest || kept->span[i].from >= finder->pages)
			continue;
		add_section(finder, from, kept->span[i].from);
		from = kept->span[i].to;
	}
	add_section(finder, from, finder->pages);
	return 0;
}

/* Resident pages that are not kept. If kept pages have left the page cache, as many others are missed. */
static int64_t beside(int64_t resident, uint64_t kept)
{
	return resident > (int64_t)kept ? resident - (int64_t)kept : 0;
}

int64_t finder_count(const struct finder *finder)
{
	int64_t sum = 0;

	for (size_t i = 0; i < finder->section_count; i++) {
		const struct section *s = &finder->sections[i];
		int64_t resident = count(finder, s->from, s->to);

		if (resident < 0)
			return resident;
		sum += beside(resident, s->kept);
	}
	return sum;
}

/* --- extents ---------------------------------------------------------------------------------- */

struct search {
	const struct finder *finder;
	const struct extent *hints; /* the extents of the last search */
	size_t hint_count;
	struct extent *extents;
	int found;
};

static bool is_full(const struct extent *e)
{
	return e->pages + e->kept >= (e->to - e->from) / 4 * 3;
}

/* A full stretch is an extent of its own, together with the piece that its reader is at. */
static bool belongs_to(const struct extent *last, const struct extent *next)
{
	bool last_full = is_full(last), full = is_full(next);

	if (last->to == next->from)
		return last_full || !full || last->to - last->from <= 2 * FINDER_LEAF;
	return !last_full && !full && next->from - last->to <= FINDER_GAP;
}

static void note(struct search *search, const struct extent *next)
{
	struct extent *last = search->extents + search->found - 1;

	if (search->found && (search->found == FINDER_EXTENTS || belongs_to(last, next))) {
		last->to = next->to;
		last->pages += next->pages;
		last->kept += next->kept;
		return;
	}
	search->extents[search->found++] = *next;
}

/* Next to an end of an earlier extent there is either nothing or something new, so the end is a good place to
 * divide. Behind its upper end the reader has probably gone on: the new pages lie there in one stretch. */
static uint64_t hinted(const struct search *search, uint64_t from, uint64_t to, uint64_t pages)
{
	uint64_t middle = from + (to - from) / 2;

	for (size_t i = 0; i < search->hint_count; i++) {
		const struct extent *hint = &search->hints[i];

		if (from < hint->from && hint->from < to)
			return hint->from;
		if (from < hint->to && hint->to < to)
			return hint->to;
		if (from == hint->to && from + 2 * pages < middle)
			middle = from + 2 * pages;
	}
	return middle;
}

/* At multiples of FINDER_LEAF, so that pieces have the same limits in each search. */
static uint64_t divide(const struct search *search, uint64_t from, uint64_t to, uint64_t pages)
{
	uint64_t middle = hinted(search, from, to, pages);

	middle -= middle % FINDER_LEAF;
	return middle > from ? middle : from - from % FINDER_LEAF + FINDER_LEAF;
}

/* pages: resident pages of [from, to) that are not kept. */
static int halve(struct search *search, uint64_t from, uint64_t to, uint64_t pages)
{
	const struct finder *finder = search->finder;
	uint64_t kept = spans_covered(finder->kept, from, to), middle;
	int64_t left;
	int r;

	if (pages == 0)
		return 0;
	if (to - from <= FINDER_LEAF || pages + kept >= to - from) {
		note(search, &(struct extent){.from = from, .to = to, .pages = pages, .kept = kept});
		return 0;
	}
	middle = divide(search, from, to, pages);
	left = count(finder, from, middle);
	if (left < 0)
		return (int)left;
	left = beside(left, spans_covered(finder->kept, from, middle));
	if (left > (int64_t)pages)
		left = (int64_t)pages; /* more came meanwhile */
	r = halve(search, from, middle, (uint64_t)left);
	return r < 0 ? r : halve(search, middle, to, pages - (uint64_t)left);
}

int finder_find(const struct finder *finder, const struct extent *before, size_t before_count,
	struct extent extents[FINDER_EXTENTS])
{
	struct search search = {
		.finder = finder, .hints = before, .hint_count = before_count, .extents = extents};

	for (size_t i = 0; i < finder->section_count; i++) {
		const struct section *s = &finder->sections[i];
		int64_t resident = count(finder, s->from, s->to);
		int r = resident < 0 ? (int)resident
				     : halve(&search, s->from, s->to, (uint64_t)beside(resident, s->kept));

		if (r < 0)
			return r;
	}
	return search.found;
}

/* --- single pages ----------------------------------------------------------------------------- */

static int add_resident(const unsigned char *flags, uint64_t from, uint64_t length, struct spans *spans)
{
	uint64_t begin = 0;
	int r = 0;

	for (uint64_t i = 0; i <= length && r == 0; i++) {
		if (i < length && flags[i] & 1)
			continue;
		r = spans_add(spans, from + begin, from + i);
		begin = i + 1;
	}
	return r;
}

/* Looks at a piece that is resident in part, page by page. If the file can't be mapped, all of the piece
 * counts as resident. */
static int look_closely(int fd, uint64_t from, uint64_t length, unsigned char *flags, struct spans *spans)
{
	size_t size = length * PAGE_CACHE_PAGE;
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)from * PAGE_CACHE_PAGE);
	int r;

	if (map == MAP_FAILED)
		return spans_add(spans, from, from + length);
	if (mincore(map, size, flags) < 0)
		r = spans_add(spans, from, from + length);
	else
		r = add_resident(flags, from, length, spans);
	munmap(map, size);
	return r;
}

int finder_picture(int fd, uint64_t from, uint64_t to, struct spans *spans)
{
	unsigned char *flags = malloc(PICTURE_PIECE);
	int r = flags ? 0 : -ENOMEM;

	for (uint64_t length; from < to && r == 0; from += length) {
		int64_t resident;

		length = to - from < PICTURE_PIECE ? to - from : PICTURE_PIECE;
		resident = look(fd, from, from + length);
		if (resident < 0)
			r = (int)resident;
		else if (resident >= (int64_t)length)
			r = spans_add(spans, from, from + length);
		else if (resident > 0)
			r = look_closely(fd, from, length, flags, spans);
	}
	free(flags);
	return r;
}
