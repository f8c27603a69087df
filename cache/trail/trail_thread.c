#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "cache/base/page_cache.h"
#include "cache/trail/trail_impl.h"

/* Looks without a change: from so many on the pause doubles, and after so many the file is idle. */
#define QUIET_FIRST 10
#define QUIET_LAST 14
/* The pause between looks at a closed file; it doubles up to so many times while nothing changes. */
#define AGAIN_NS (50 * CLOCK_NS_PER_MS)
#define AGAIN_DOUBLINGS 5
/* A stream's window takes no more than this part of the reader's memory cgroup. */
#define GROUP_SHARE 8
/* No more than this part of the time goes to looks that drop nothing: a look at a large resident file takes
 * milliseconds. */
#define LOOK_SHARE 20
/* A look that takes this long is waiting for its file system. */
#define HELD_UP_NS CLOCK_NS_PER_S

/* --- idle files ------------------------------------------------------------------------------- */

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

/* --- looking ---------------------------------------------------------------------------------- */

/* In pages. */
static uint64_t window_of(const struct trail *trail, const struct trail_file *file)
{
	uint64_t streams = atomic_load(&trail->stats.streams);
	uint64_t window = trail->window, share = trail->settings.memory / (streams ? streams : 1);

	window = MIN(window, share);
	return MIN(window, file->memory / GROUP_SHARE) / PAGE_CACHE_PAGE;
}

/* (locked) The process that opened the file last may have less memory than the others. */
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
 * after its watch was set: reads in between did not wake the thread. */
static void schedule(struct trail *trail, struct trail_file *file, int found)
{
	int64_t pause = TRAIL_LOOK_NS;

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

/* The same for a closed file of which pages are left. */
static void schedule_last(struct trail_file *file, const struct trail_look *look, int found)
{
	file->quiet = found ? 0 : MIN(file->quiet + 1, AGAIN_DOUBLINGS);
	file->due_ns =
		MAX(file->stuck.count ? file->stuck_until_ns : 0, look->now_ns + (AGAIN_NS << file->quiet));
}

/* Whether the look was the last. Looks go on while programs have pages of a closed file mapped. */
static bool is_over(const struct trail_file *file, const struct trail_look *look, int r)
{
	if (file->opens)
		return false;
	return r < 0 || file->gone || look->small ||
	       (look->ends && !file->stuck.count && !file->left && !file->tail.resident);
}

/* (locked) Returns true when the file is no longer followed. */
static bool look_at(struct trail_thread *self, struct trail_file *file)
{
	struct trail *trail = self->trail;
	struct trail_look look = {
		.stats = &trail->stats,
		.extents = self->extents,
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
	look.large = trail->large / PAGE_CACHE_PAGE;
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

/* (locked) Notes an excess for later opens: a stream that went on at the same pace would leave ever more. */
static void note_excess(struct trail *trail)
{
	struct trail_file *file;

	atomic_fetch_add(&trail->stats.excesses, 1);
	list_for_each (file, &trail->files, node)
		if (!file->looked_at && file->tail.resident)
			rates_exceeded(&trail->written, file->device);
}

/* (locked) Sets a level, and the highest one so far. */
static void note_level(atomic_uint_least64_t *level, atomic_uint_least64_t *most, uint64_t bytes)
{
	atomic_store(level, bytes);
	if (bytes > atomic_load(most))
		atomic_store(most, bytes);
}

/* (locked) */
static void sum_up_writing(struct trail *trail, uint64_t resident, uint64_t unwritten)
{
	uint64_t most = trail->settings.memory + TRAIL_WRITE_EXCESS;

	if (resident > most && atomic_load(&trail->stats.tail_bytes) <= most)
		note_excess(trail);
	note_level(&trail->stats.tail_bytes, &trail->stats.most_tail_bytes, resident);
	atomic_store(&trail->stats.unwritten_bytes, unwritten);
}

/* (locked) */
static void sum_up(struct trail *trail)
{
	uint64_t files = 0, staying = 0, resting = 0, streams = 0, pages = 0, resident = 0, unwritten = 0;
	struct trail_file *file;

	list_for_each (file, &trail->files, node) {
		files += !file->reread.size;
		staying += file->reread.size > 0;
		resting += file->due_ns == INT64_MAX && !file->reread.size;
		if (file->looked_at) /* by a blocked thread, which owns the other members */
			continue;
		streams += file->streams;
		pages += file->pages;
		resident += file->tail.resident;
		unwritten += file->tail.unwritten;
	}
	sum_up_writing(trail, resident * PAGE_CACHE_PAGE, unwritten * PAGE_CACHE_PAGE);
	atomic_store(&trail->stats.files, files);
	atomic_store(&trail->stats.staying, staying);
	atomic_store(&trail->stats.staying_bytes, trail->rereads.used);
	atomic_store(&trail->stats.resting, resting);
	atomic_store(&trail->stats.streams, streams);
	note_level(&trail->stats.resident_bytes, &trail->stats.most_resident_bytes, pages * PAGE_CACHE_PAGE);
}

/* (locked) Whether a thread is held up by a file of the same device: this one would be, too. */
static bool is_held_up(const struct trail *trail, const struct trail_file *file)
{
	for (unsigned i = 0; i < trail->thread_count; i++)
		if (trail->threads[i].looks && trail->threads[i].looks->device == file->device)
			return true;
	return false;
}

/* (locked) Like look_at(); the file stays in the list meanwhile. */
static bool look_and_stay(struct trail_thread *self, struct trail_file *file)
{
	bool is_last;

	file->looked_at = true;
	self->looks = file;
	self->since_ns = clock_now_ns();
	is_last = look_at(self, file);
	self->looks = NULL;
	file->looked_at = false;
	return is_last;
}

/*
 * (locked) Looks at the files that are due, and moves those that need not be followed any more to over.
 * Returns when the next file is due. Ends early if another thread has taken over.
 */
static int64_t go_round(struct trail_thread *self, struct list *over)
{
	struct trail *trail = self->trail;
	struct trail_file *file = list_entry(trail->files.first, struct trail_file, node), *next;
	int64_t due_ns = INT64_MAX;

	for (; file && !trail->ending && trail->works == self; file = next) {
		bool waits = is_held_up(trail, file);
		bool is_last = !waits && file->due_ns <= clock_now_ns() && look_and_stay(self, file);

		next = list_entry(file->node.next, struct trail_file, node);
		if (!waits && !is_last && file->due_ns < due_ns)
			due_ns = file->due_ns;
		if (!is_last)
			continue;
		trail_forget(trail, file);
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

/* --- the threads ------------------------------------------------------------------------------ */

/* (locked) */
static void work(struct trail_thread *self)
{
	struct trail *trail = self->trail;
	struct list over = {0};
	int64_t due_ns = go_round(self, &over);
	bool sleeps = trail->works == self;

	if (sleeps) {
		due_ns = trail->due_ns = MIN(trail->due_ns, due_ns);
		trail->asleep = true;
	} else {
		trail_wake_by(trail, 0); /* files of this device need no longer be passed over */
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
	trail_free_all(&over);
	if (sleeps)
		sleep_until(trail, due_ns);
	lock_take(&trail->lock, LOCK_TRAIL);
	if (sleeps) {
		trail->asleep = false;
		trail->due_ns = INT64_MAX;
	}
}

static void *run(void *context)
{
	struct trail_thread *self = context;
	struct trail *trail = self->trail;

	lock_take(&trail->lock, LOCK_TRAIL);
	while (!trail->ending) {
		if (trail->works == self)
			work(self);
		else
			pthread_cond_wait(&trail->replaced, &trail->lock);
	}
	lock_drop(&trail->lock, LOCK_TRAIL);
	return NULL;
}

void trail_replace(struct trail *trail, int64_t now_ns)
{
	const struct trail_thread *works = trail->works;

	if (!works->looks || now_ns - works->since_ns < HELD_UP_NS)
		return;
	for (unsigned i = 0; i < trail->thread_count; i++) {
		if (trail->threads[i].looks)
			continue;
		trail->works = &trail->threads[i];
		atomic_fetch_add(&trail->stats.replaced, 1);
		pthread_cond_broadcast(&trail->replaced);
		return;
	}
}

/* With all signals blocked: other threads handle them. */
static int start(struct trail_thread *self)
{
	sigset_t all, before;
	int r;

	self->extents = calloc(FINDER_EXTENTS, sizeof(*self->extents));
	if (!self->extents)
		return -ENOMEM;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&self->thread, NULL, run, self);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pthread_setname_np(self->thread, "sieve-trail");
	return -r;
}

int trail_threads_start(struct trail *trail)
{
	int r = 0;

	trail->works = &trail->threads[0];
	trail->due_ns = INT64_MAX;
	for (unsigned i = 0; i < TRAIL_THREADS && r == 0; i++) {
		trail->threads[i].trail = trail;
		r = start(&trail->threads[i]);
		lock_take(&trail->lock, LOCK_TRAIL);
		trail->thread_count += r == 0;
		lock_drop(&trail->lock, LOCK_TRAIL);
	}
	return r;
}

void trail_threads_end(struct trail *trail)
{
	lock_take(&trail->lock, LOCK_TRAIL);
	trail->ending = true;
	pthread_cond_broadcast(&trail->replaced);
	lock_drop(&trail->lock, LOCK_TRAIL);
	eventfd_write(trail->wake_fd, 1);
	for (unsigned i = 0; i < trail->thread_count; i++)
		pthread_join(trail->threads[i].thread, NULL);
}
