#include "cache/trail/trail.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "cache/base/page_cache.h"
#include "cache/trail/trail_impl.h"

#define LINGER_NS (500 * CLOCK_NS_PER_MS)

/* --- opens ------------------------------------------------------------------------------------ */

static struct trail_file *file_of(struct reread *reread)
{
	return (struct trail_file *)((char *)reread - offsetof(struct trail_file, reread));
}

/* (locked) At the first open of a file: decides whether the file stays in the page cache. */
static void consider_staying(struct trail *trail, struct trail_file *file, bool may_stay)
{
	struct reread *leaver = NULL;

	if (may_stay)
		rereads_opened(&trail->rereads, &file->reread, file->id, file->file_pages * PAGE_CACHE_PAGE,
			&leaver);
	if (leaver)
		file_of(leaver)->due_ns = 0;
}

/* (locked) */
static void opened(struct trail *trail, struct trail_file *file, const struct trail_open *how)
{
	if (file->opens++ == 0)
		consider_staying(trail, file, how->may_stay);
	file->reader = how->reader;
	if (how->writes && file->opens > 1)
		file->writes_began = true;
}

/* (locked) */
static bool join(struct trail *trail, uint64_t id, const struct trail_open *how)
{
	struct trail_file *file = *trail_slot_of(trail, id);

	if (!file)
		return false;
	if (file->opens == 0)
		file->memory = UINT64_MAX;
	opened(trail, file, how);
	file->reopened = true;
	file->due_ns = 0;
	trail_wake_by(trail, file->due_ns);
	return true;
}

/* Not open for writing: such a descriptor would keep the file from being executed. */
static int copy_descriptor(int fd)
{
	char path[32];
	int copy = -1;

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		copy = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (copy < 0)
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? -errno : copy;
}

static int make(struct trail *trail, uint64_t id, const struct trail_open *how)
{
	struct trail_file *file;
	int copy = copy_descriptor(how->fd), r;

	if (copy < 0)
		return copy;
	r = trail_file_new(id, copy, how->writes, trail->large, &file);
	if (r < 0) {
		close(copy);
		return r;
	}
	lock_take(&trail->lock, LOCK_TRAIL);
	if (!join(trail, id, how)) {
		trail_insert(trail, file);
		opened(trail, file, how);
		file->due_ns = file->began_small ? clock_now_ns() + TRAIL_LOOK_NS : 0;
		trail_wake_by(trail, file->due_ns);
		file = NULL;
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
	trail_file_free(file); /* another thread was first */
	return 0;
}

int trail_begin(struct trail *trail, uint64_t id, const struct trail_open *how)
{
	int r = 0;

	if (!trail)
		return -ENOSYS;
	lock_take(&trail->lock, LOCK_TRAIL);
	if (!join(trail, id, how))
		r = -ENOENT;
	lock_drop(&trail->lock, LOCK_TRAIL);
	if (r < 0 && how->fd >= 0)
		r = make(trail, id, how);
	if (r == 0)
		atomic_fetch_add(&trail->stats.opens, 1);
	else if (how->fd >= 0)
		atomic_fetch_add(&trail->stats.refused, 1);
	return r;
}

/* (locked) */
static void linger(struct trail *trail, struct trail_file *file)
{
	if (file->opens)
		return;
	file->due_ns = file->gone ? 0 : clock_now_ns() + LINGER_NS;
	trail_wake_by(trail, file->due_ns);
}

/* (locked) Whether the file can be freed now. Most files that are written are small, and need not wait for
 * the thread. */
static bool is_done_with(const struct trail *trail, const struct trail_file *file)
{
	int64_t pages;

	if (file->opens || !file->began_small || file->looked_at || file->tail.seen)
		return false;
	pages = finder_pages(file->fd);
	return pages >= 0 && (uint64_t)pages < trail->large / PAGE_CACHE_PAGE;
}

void trail_end(struct trail *trail, uint64_t id)
{
	struct trail_file *file, *done = NULL;

	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	file = *trail_slot_of(trail, id);
	file->opens--;
	if (is_done_with(trail, file)) {
		trail_forget(trail, file);
		done = file;
	} else {
		linger(trail, file);
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
	trail_file_free(done);
}

void trail_removed(struct trail *trail, uint64_t id)
{
	struct trail_file *file;

	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	file = *trail_slot_of(trail, id);
	if (file) {
		file->gone = true;
		linger(trail, file);
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
}

void trail_truncated(struct trail *trail, uint64_t id, uint64_t size)
{
	struct trail_file *file;

	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	file = *trail_slot_of(trail, id);
	if (file && size / PAGE_CACHE_PAGE < file->truncated)
		file->truncated = size / PAGE_CACHE_PAGE;
	lock_drop(&trail->lock, LOCK_TRAIL);
}

void trail_limit_staying(struct trail *trail, uint64_t bytes)
{
	struct reread *leaver;

	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	while ((leaver = rereads_limit(&trail->rereads, bytes))) {
		file_of(leaver)->due_ns = 0;
		trail_wake_by(trail, 0);
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
}

void trail_tick(struct trail *trail)
{
	int64_t now_ns = clock_now_ns();
	struct trail_file *file;

	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	list_for_each (file, &trail->files, node) {
		if (file->due_ns != INT64_MAX || file->reread.size || now_ns < file->rest_until_ns)
			continue;
		file->due_ns = 0;
		trail_wake_by(trail, 0);
	}
	trail_replace(trail, now_ns);
	lock_drop(&trail->lock, LOCK_TRAIL);
}

/* --- rates ------------------------------------------------------------------------------------ */

uint64_t trail_rate(struct trail *trail, dev_t device)
{
	uint64_t rate;

	if (!trail)
		return 0;
	lock_take(&trail->lock, LOCK_TRAIL);
	rate = rates_of(&trail->read, device);
	lock_drop(&trail->lock, LOCK_TRAIL);
	return rate;
}

uint64_t trail_write_rate(struct trail *trail, dev_t device, bool *exceeded)
{
	uint64_t rate;

	*exceeded = false;
	if (!trail)
		return 0;
	lock_take(&trail->lock, LOCK_TRAIL);
	rate = rates_of(&trail->written, device);
	*exceeded = rates_take_exceeded(&trail->written, device);
	lock_drop(&trail->lock, LOCK_TRAIL);
	return rate;
}

/* --- life ------------------------------------------------------------------------------------- */

static void free_memory(struct trail *trail)
{
	if (trail->wake_fd >= 0)
		close(trail->wake_fd);
	if (trail->inotify_fd >= 0)
		close(trail->inotify_fd);
	rereads_deinit(&trail->rereads);
	pthread_mutex_destroy(&trail->lock);
	pthread_cond_destroy(&trail->replaced);
	for (int i = 0; i < TRAIL_THREADS; i++)
		free(trail->threads[i].extents);
	free(trail);
}

int trail_new(const struct trail_settings *settings, struct trail **out)
{
	struct trail *trail;
	int r;

	if (!page_cache_can_be_counted())
		return -ENOSYS;
	trail = calloc(1, sizeof(*trail));
	if (!trail)
		return -ENOMEM;
	trail->settings = *settings;
	trail->window = settings->window;
	trail->large = settings->large;
	pthread_mutex_init(&trail->lock, NULL);
	rereads_init(&trail->rereads, settings->stay);
	pthread_cond_init(&trail->replaced, NULL);
	trail->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	trail->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = trail->wake_fd < 0 ? -errno : trail_threads_start(trail);
	if (r < 0) {
		trail_threads_end(trail);
		free_memory(trail);
		return r;
	}
	*out = trail;
	return 0;
}

void trail_set_window(struct trail *trail, uint64_t window)
{
	if (trail)
		trail->window = window;
}

void trail_set_large(struct trail *trail, uint64_t large)
{
	if (trail)
		trail->large = large;
}

void trail_free(struct trail *trail)
{
	if (!trail)
		return;
	trail_threads_end(trail);
	trail_free_all(&trail->files);
	free_memory(trail);
}

const struct trail_stats *trail_stats(const struct trail *trail)
{
	return &trail->stats;
}

void trail_stats_each(const struct trail_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context)
{
#define COUNTER(name, help) \
	each(context, #name, atomic_load_explicit(&stats->name, memory_order_relaxed), help);
	TRAIL_STATS(COUNTER)
#undef COUNTER
}
