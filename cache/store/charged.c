#include "cache/store/charged.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"

#define PAGE 4096
#define AT_ONCE 256 /* pages */
#define PRESENT (1ull << 63)
#define PFN ((1ull << 55) - 1)
#define OWN_GROUP_MS 1000 /* a process is rarely moved to another group, and asking costs more than a pin */

struct charged {
	int pagemap, groups;  /* /proc/self/pagemap, /proc/kpagecgroup */
	pthread_mutex_t lock; /* protects the rest */
	char *own_page;       /* a page that this process is charged for */
	uint64_t own_group;   /* as of asked_ms; 0: never asked */
	int64_t asked_ms;
};

/* Reads count numbers of 64 bits, from the one at place on. */
static bool read_numbers(int fd, uint64_t place, uint64_t *numbers, size_t count)
{
	size_t bytes = count * sizeof(*numbers);

	return pread(fd, numbers, bytes, (off_t)(place * sizeof(*numbers))) == (ssize_t)bytes;
}

/* How many of the first entries have consecutive page frame numbers, ascending or descending: the kernel
 * allocates single pages either way. *first: the lowest number. */
static size_t run_length(const uint64_t *entries, size_t count, uint64_t *first)
{
	uint64_t start = entries[0] & (PRESENT | PFN);
	uint64_t step = count > 1 && (entries[1] & (PRESENT | PFN)) < start ? -1ull : 1;
	size_t n = 1;

	while (n < count && (entries[n] & (PRESENT | PFN)) == start + step * n)
		n++;
	*first = (step == 1 ? start : start - (n - 1)) & PFN;
	return n;
}

/* (locked) Takes a new page each time, since the process may have changed its group after the last one. */
static uint64_t own_group_now(struct charged *charged)
{
	uint64_t entry, group;

	madvise(charged->own_page, PAGE, MADV_DONTNEED);
	*(volatile char *)charged->own_page = 1;
	if (!read_numbers(charged->pagemap, (uintptr_t)charged->own_page / PAGE, &entry, 1) || !(entry & PFN))
		return CHARGED_ROOT;
	return read_numbers(charged->groups, entry & PFN, &group, 1) && group ? group : CHARGED_ROOT;
}

uint64_t charged_own_group(struct charged *charged)
{
	int64_t now = clock_coarse_ms();
	uint64_t group;

	lock_take(&charged->lock, LOCK_CHARGED);
	if (!charged->own_group || now - charged->asked_ms >= OWN_GROUP_MS) {
		charged->own_group = own_group_now(charged);
		charged->asked_ms = now;
	}
	group = charged->own_group;
	lock_drop(&charged->lock, LOCK_CHARGED);
	return group;
}

static bool run_is_of(const struct charged *charged, uint64_t group, uint64_t pfn, size_t count)
{
	uint64_t groups[AT_ONCE];

	if (!read_numbers(charged->groups, pfn, groups, count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (groups[i] > CHARGED_ROOT && groups[i] != group)
			return false;
	return true;
}

static bool pages_are_of(const struct charged *charged, uint64_t group, const char *memory, size_t count)
{
	uint64_t entries[AT_ONCE];

	if (!read_numbers(charged->pagemap, (uintptr_t)memory / PAGE, entries, count))
		return false;
	for (size_t at = 0; at < count;) {
		uint64_t first;
		size_t n = run_length(entries + at, count - at, &first);

		/* 0: the page is not mapped, or the process lacks the right to know it */
		if (!(entries[at] & PRESENT) || !(entries[at] & PFN))
			return false;
		if (!run_is_of(charged, group, first, n))
			return false;
		at += n;
	}
	return true;
}

bool charged_to(const struct charged *charged, uint64_t group, const void *memory, size_t size)
{
	size_t pages = (size + PAGE - 1) / PAGE;

	for (size_t at = 0; at < pages; at += AT_ONCE) {
		size_t count = pages - at < AT_ONCE ? pages - at : AT_ONCE;

		if (!pages_are_of(charged, group, (const char *)memory + at * PAGE, count))
			return false;
	}
	return true;
}

int charged_new(struct charged **ret)
{
	struct charged *charged = calloc(1, sizeof(*charged));
	int r = 0;

	if (!charged)
		return -ENOMEM;
	pthread_mutex_init(&charged->lock, NULL);
	charged->own_page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	charged->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	charged->groups = open("/proc/kpagecgroup", O_RDONLY | O_CLOEXEC);
	if (charged->own_page == MAP_FAILED)
		r = -ENOMEM;
	else if (charged->groups < 0 || charged->pagemap < 0)
		r = -errno;
	if (r < 0) {
		charged_free(charged);
		return r;
	}
	*ret = charged;
	return 0;
}

void charged_free(struct charged *charged)
{
	if (!charged)
		return;
	if (charged->pagemap >= 0)
		close(charged->pagemap);
	if (charged->groups >= 0)
		close(charged->groups);
	if (charged->own_page != MAP_FAILED)
		munmap(charged->own_page, PAGE);
	pthread_mutex_destroy(&charged->lock);
	free(charged);
}
