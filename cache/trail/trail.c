#include "cache/trail/trail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "cache/base/page_cache.h"
#include "cache/trail/rates.h"
#include "cache/trail/trail_file.h"

#define BUCKETS 256
#define LOOK_NS (10 * CLOCK_NS_PER_MS)
/* Looks without a change: from so many on the pause doubles, and after so many the file rests. */
#define QUIET_FIRST 10
#define QUIET_LAST 14
#define LINGER_NS (500 * CLOCK_NS_PER_MS)
/* While nothing changes the pause doubles, so many times. */
#define AGAIN_NS (50 * CLOCK_NS_PER_MS)
#define AGAIN_DOUBLINGS 5
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
/* Of a memory cgroup a stream's window takes no more than this part. */
#define GROUP_SHARE 8
/* No more than this part of the time is spent on looking at a file in vain: a large resident one takes
 * milliseconds. */
#define LOOK_SHARE 20

struct trail {
	struct trail_settings settings;
	struct trail_stats stats;
	pthread_t thread;
	int wake_fd;    /* eventfd */
	int inotify_fd; /* or -1: no file rests then, all are looked at each tenth of a second */
	struct extent *extents;

	pthread_mutex_t lock;
	bool ending;
	struct list files;
	struct rereads rereads;
	struct rates read, written;
	bool asleep;    /* the thread */
	int64_t due_ns; /* when it wakes up; while awake, what it may have passed by in this round */
	struct trail_file *buckets[BUCKETS];
};

/* --- the table; under the lock ---------------------------------------------------------------- */

static struct trail_file **slot_of(struct trail *trail, uint64_t id)
{
	struct trail_file **slot = &trail->buckets[(id ^ id >> 17) % BUCKETS];

	while (*slot && (*slot)->id != id)
		slot = &(*slot)->next;
	return slot;
}

static void insert(struct trail *trail, struct trail_file *file)
{
	*slot_of(trail, file->id) = file;
	list_push_first(&trail->files, &file->node);
}

static void unwatch(struct trail *trail, struct trail_file *file)
{
	if (file->watch >= 0)
		inotify_rm_watch(trail->inotify_fd, file->watch);
	file->watch = -1;
}

/* Not one that is being looked at. It is the caller's to free, without the lock: closing may free the blocks
 * of a removed file, which takes long. */
static void forget(struct trail *trail, struct trail_file *file)
{
	unwatch(trail, file);
	rereads_leave(&trail->rereads, &file->reread); /* opened and closed again during its last look */
	*slot_of(trail, file->id) = file->next;
	list_remove(&trail->files, &file->node);
}

static void wake(struct trail *trail)
{
	eventfd_write(trail->wake_fd, 1);
}

/* There is something to do then. */
static void wake_by(struct trail *trail, int64_t due_ns)
{
	if (due_ns >= trail->due_ns)
		return;
	trail->due_ns = due_ns;
	if (trail->asleep)
		wake(trail);
}

/* --- opens ------------------------------------------------------------------------------------ */

static struct trail_file *file_of(struct reread *reread)
{
	return (struct trail_file *)((char *)reread - offsetof(struct trail_file, reread));
}

/* (locked) At the first of its opens. */
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
	struct trail_file *file = *slot_of(trail, id);

	if (!file)
		return false;
	if (file->opens == 0)
		file->memory = UINT64_MAX;
	opened(trail, file, how);
	file->reopened = true;
	file->due_ns = 0;
	wake_by(trail, file->due_ns);
	return true;
}

/* One that is open for writing would keep the file from being executed. */
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
	r = trail_file_new(id, copy, how->writes, trail->settings.large, &file);
	if (r < 0) {
		close(copy);
		return r;
	}
	lock_take(&trail->lock, LOCK_TRAIL);
	if (!join(trail, id, how)) {
		insert(trail, file);
		opened(trail, file, how);
		file->due_ns = file->began_small ? clock_now_ns() + LOOK_NS : 0;
		wake_by(trail, file->due_ns);
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
	wake_by(trail, file->due_ns);
}

/* (locked) Of the many small files that are written, none is to wait for the thread. */
static bool is_done_with(const struct trail *trail, const struct trail_file *file)
{
	int64_t pages;

	if (file->opens || !file->began_small || file->looked_at || file->tail.seen)
		return false;
	pages = finder_pages(file->fd);
	return pages >= 0 && (uint64_t)pages < trail->settings.large / PAGE_CACHE_PAGE;
}

void trail_end(struct trail *trail, uint64_t id)
{
	struct trail_file *file, *done = NULL;

	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	file = *slot_of(trail, id);
	file->opens--;
	if (is_done_with(trail, file)) {
		forget(trail, file);
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
	file = *slot_of(trail, id);
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
	file = *slot_of(trail, id);
	if (file && size / PAGE_CACHE_PAGE < file->truncated)
		file->truncated = size / PAGE_CACHE_PAGE;
	lock_drop(&trail->lock, LOCK_TRAIL);
}

void trail_limit_staying(struct trail *trail, uint64_t bytes)
{
	struct reread *leaver;
	bool any = false;

	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	while ((leaver = rereads_limit(&trail->rereads, bytes))) {
		file_of(leaver)->due_ns = 0;
		any = true;
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
	if (any)
		wake(trail);
}

void trail_tick(struct trail *trail)
{
	int64_t now_ns = clock_now_ns();
	struct trail_file *file;
	bool any = false;

	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	list_for_each (file, &trail->files, node) {
		if (file->due_ns != INT64_MAX || file->reread.size || now_ns < file->rest_until_ns)
			continue;
		file->due_ns = 0;
		any = true;
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
	if (any)
		wake(trail);
}

/* --- resting; the thread's -------------------------------------------------------------------- */

static int watch(struct trail *trail, int fd)
{
	char path[32];

	if (trail->inotify_fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return inotify_add_watch(trail->inotify_fd, path, IN_ACCESS | IN_MODIFY | IN_ONESHOT);
}

static void woken(struct trail *trail, int wd)
{
	struct trail_file *file;

	lock_take(&trail->lock, LOCK_TRAIL);
	list_for_each (file, &trail->files, node) {
		if (file->watch != wd)
			continue;
		file->watch = -1;
		file->quiet = 0;
		file->due_ns = 0;
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
}

static void read_events(struct trail *trail)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t size = read(trail->inotify_fd, events, sizeof(events));

	for (ssize_t at = 0; at < size;) {
		const struct inotify_event *event = (const void *)(events + at);

		if (event->mask & (IN_ACCESS | IN_MODIFY | IN_IGNORED))
			woken(trail, event->wd);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
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

/* --- the thread ------------------------------------------------------------------------------- */

/* Pages. */
static uint64_t window_of(const struct trail *trail, const struct trail_file *file)
{
	uint64_t streams = atomic_load(&trail->stats.streams);
	uint64_t window = MIN(trail->settings.window, trail->settings.memory / (streams ? streams : 1));

	return MIN(window, file->memory / GROUP_SHARE) / PAGE_CACHE_PAGE;
}

/* (locked) Who opened the file last may have less memory than others. */
static void see_to_reader(struct trail *trail, struct trail_file *file)
{
	pid_t reader = file->reader;
	uint64_t memory;

	file->reader = 0;
	if (!reader || !trail->settings.memory_of)
		return;
	lock_drop(&trail->lock, LOCK_TRAIL);
	memory = trail->settings.memory_of(reader);
	lock_take(&trail->lock, LOCK_TRAIL);
	file->memory = MIN(file->memory, memory);
	if (file->reread.size > file->memory / 2)
		rereads_leave(&trail->rereads, &file->reread);
}

/* (locked) When a file that was just looked at is due again. A file that seems quiet is looked at once more
 * after its watch was set: what was read in between woke nobody. */
static void schedule(struct trail *trail, struct trail_file *file, int found)
{
	int64_t pause = LOOK_NS;

	file->quiet = found ? 0 : file->quiet + 1;
	if (file->quiet > QUIET_FIRST)
		pause <<= file->quiet - QUIET_FIRST;
	file->due_ns = clock_now_ns() + pause;
	if (found != TRAIL_FILE_DROPPED)
		file->due_ns = MAX(file->due_ns, file->rest_until_ns);
	if (file->quiet < QUIET_LAST)
		return;
	if (file->watch < 0) {
		file->watch = watch(trail, file->fd);
	} else if (file->quiet > QUIET_LAST) {
		file->due_ns = INT64_MAX;
		file->streams = 0;
	}
	file->quiet = QUIET_LAST;
}

/* The same of one that nobody has open any more, and of which something is left. */
static void schedule_last(struct trail_file *file, const struct trail_look *look, int found)
{
	file->quiet = found ? 0 : MIN(file->quiet + 1, AGAIN_DOUBLINGS);
	file->due_ns =
		MAX(file->stuck.count ? file->stuck_until_ns : 0, look->now_ns + (AGAIN_NS << file->quiet));
}

/* Whether the look was the last. What programs still have mapped leaves when they unmap it. */
static bool is_over(const struct trail_file *file, const struct trail_look *look, int r)
{
	if (file->opens)
		return false;
	return r < 0 || file->gone || look->small ||
	       (look->ends && !file->stuck.count && !file->left && !file->tail.resident);
}

/* Returns true when the file is no longer followed. */
static bool look_at(struct trail *trail, struct trail_file *file)
{
	struct trail_look look = {
		.stats = &trail->stats,
		.extents = trail->extents,
	};
	int r;

	see_to_reader(trail, file);
	if (file->gone)
		rereads_leave(&trail->rereads, &file->reread);
	if (file->reread.size && (file->pictured || !file->opens)) {
		file->due_ns = INT64_MAX;
		file->pages = 0;
		return false;
	}
	look.window = window_of(trail, file);
	look.now_ns = clock_now_ns();
	look.ends = file->opens == 0;
	look.reopened = file->reopened;
	look.truncated = file->truncated;
	look.writes_began = file->writes_began;
	look.large = trail->settings.large / PAGE_CACHE_PAGE;
	file->reopened = file->writes_began = false;
	file->truncated = UINT64_MAX;
	lock_drop(&trail->lock, LOCK_TRAIL);
	r = trail_file_look(file, &look);
	lock_take(&trail->lock, LOCK_TRAIL);
	if (look.rate)
		rates_note(&trail->read, file->device, look.rate);
	if (look.write_rate)
		rates_note(&trail->written, file->device, look.write_rate);
	file->rest_until_ns = clock_now_ns() + (clock_now_ns() - look.now_ns) * LOOK_SHARE;
	if (is_over(file, &look, r)) {
		if (trail_file_was_read_whole(file))
			rereads_whole(&trail->rereads, file->id);
		return true;
	}
	if (file->due_ns > look.now_ns)
		return false; /* it was closed meanwhile */
	if (r < 0)
		file->due_ns = INT64_MAX; /* nothing can be done for it; trail_tick() tries again */
	else if (look.ends)
		schedule_last(file, &look, r);
	else
		schedule(trail, file, r);
	return false;
}

/* (locked) A stream that went on at the same pace would leave ever more behind. */
static void note_excess(struct trail *trail)
{
	struct trail_file *file;

	atomic_fetch_add(&trail->stats.excesses, 1);
	list_for_each (file, &trail->files, node)
		if (file->tail.resident)
			rates_exceeded(&trail->written, file->device);
}

/* (locked) */
static void sum_up_writing(struct trail *trail)
{
	uint64_t before = atomic_load(&trail->stats.tail_bytes), resident = 0, unwritten = 0;
	uint64_t most = trail->settings.memory + TRAIL_WRITE_EXCESS;
	struct trail_file *file;

	list_for_each (file, &trail->files, node) {
		resident += file->tail.resident * PAGE_CACHE_PAGE;
		unwritten += file->tail.unwritten * PAGE_CACHE_PAGE;
	}
	if (resident > most && before <= most)
		note_excess(trail);
	atomic_store(&trail->stats.tail_bytes, resident);
	atomic_store(&trail->stats.unwritten_bytes, unwritten);
	if (resident > atomic_load(&trail->stats.most_tail_bytes))
		atomic_store(&trail->stats.most_tail_bytes, resident);
}

static void sum_up(struct trail *trail)
{
	uint64_t files = 0, staying = 0, resting = 0, streams = 0, pages = 0;
	struct trail_file *file;

	list_for_each (file, &trail->files, node) {
		files += !file->reread.size;
		staying += file->reread.size > 0;
		resting += file->due_ns == INT64_MAX && !file->reread.size;
		streams += file->streams;
		pages += file->pages;
	}
	sum_up_writing(trail);
	atomic_store(&trail->stats.files, files);
	atomic_store(&trail->stats.staying, staying);
	atomic_store(&trail->stats.staying_bytes, trail->rereads.used);
	atomic_store(&trail->stats.resting, resting);
	atomic_store(&trail->stats.streams, streams);
	atomic_store(&trail->stats.resident_bytes, pages * PAGE_CACHE_PAGE);
	if (pages * PAGE_CACHE_PAGE > atomic_load(&trail->stats.most_resident_bytes))
		atomic_store(&trail->stats.most_resident_bytes, pages * PAGE_CACHE_PAGE);
}

static void free_all(struct list *files)
{
	struct trail_file *file;

	while ((file = list_entry(files->first, struct trail_file, node))) {
		list_remove(files, &file->node);
		trail_file_free(file);
	}
}

/* (locked) Looks at what is due; what need not be followed any more is put into over. Returns when the next
 * file is due. */
static int64_t go_round(struct trail *trail, struct list *over)
{
	struct trail_file *file = list_entry(trail->files.first, struct trail_file, node), *next;
	int64_t due_ns = INT64_MAX;

	for (; file && !trail->ending; file = next) {
		bool is_last;

		file->looked_at = true; /* it stays in the list until then */
		is_last = file->due_ns <= clock_now_ns() && look_at(trail, file);
		file->looked_at = false;
		next = list_entry(file->node.next, struct trail_file, node);
		if (!is_last && file->due_ns < due_ns)
			due_ns = file->due_ns;
		if (!is_last)
			continue;
		forget(trail, file);
		list_push_last(over, &file->node);
	}
	sum_up(trail);
	return due_ns;
}

static void sleep_until(struct trail *trail, int64_t due_ns)
{
	struct pollfd fds[] = {
		{.fd = trail->wake_fd, .events = POLLIN},
		{.fd = trail->inotify_fd, .events = POLLIN}, /* ignored if -1 */
	};
	int64_t wait_ns = due_ns - clock_now_ns();
	struct timespec wait = clock_timespec(wait_ns > 0 ? wait_ns : 0);
	eventfd_t woken_times;

	if (ppoll(fds, 2, due_ns == INT64_MAX ? NULL : &wait, NULL) <= 0)
		return;
	if (fds[0].revents)
		eventfd_read(trail->wake_fd, &woken_times);
	if (fds[1].revents)
		read_events(trail);
}

static void *run(void *context)
{
	struct trail *trail = context;

	lock_take(&trail->lock, LOCK_TRAIL);
	while (!trail->ending) {
		struct list over = {0};
		int64_t due_ns = go_round(trail, &over);

		due_ns = trail->due_ns = MIN(trail->due_ns, due_ns);
		trail->asleep = true;
		lock_drop(&trail->lock, LOCK_TRAIL);
		free_all(&over);
		sleep_until(trail, due_ns);
		lock_take(&trail->lock, LOCK_TRAIL);
		trail->asleep = false;
		trail->due_ns = INT64_MAX;
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
	return NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void free_memory(struct trail *trail)
{
	if (trail->wake_fd >= 0)
		close(trail->wake_fd);
	if (trail->inotify_fd >= 0)
		close(trail->inotify_fd);
	rereads_deinit(&trail->rereads);
	pthread_mutex_destroy(&trail->lock);
	free(trail->extents);
	free(trail);
}

/* Signals are for other threads. */
static int start_thread(struct trail *trail)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&trail->thread, NULL, run, trail);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_setname_np(trail->thread, "sieve-trail");
	return -r;
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
	pthread_mutex_init(&trail->lock, NULL);
	rereads_init(&trail->rereads, settings->stay);
	trail->extents = calloc(FINDER_EXTENTS, sizeof(*trail->extents));
	trail->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	trail->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = !trail->extents ? -ENOMEM : trail->wake_fd < 0 ? -errno : start_thread(trail);
	if (r < 0) {
		free_memory(trail);
		return r;
	}
	*out = trail;
	return 0;
}

void trail_free(struct trail *trail)
{
	if (!trail)
		return;
	lock_take(&trail->lock, LOCK_TRAIL);
	trail->ending = true;
	lock_drop(&trail->lock, LOCK_TRAIL);
	wake(trail);
	pthread_join(trail->thread, NULL);
	free_all(&trail->files);
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
