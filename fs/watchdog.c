#include "fs/watchdog.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/log.h"
#include "fs/asker.h"
#include "fs/notify.h"
#include "fs/threads.h"

/* --- what the daemon waits for ------------------------------------------------------------------ */

/* Reads the beginning of a small file of /proc. */
static bool read_word(const char *tid, const char *name, char *text, size_t size)
{
	char path[320];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%s/%s", tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* A thread that waits for a disk or a network file system sleeps uninterruptibly, one that waits for FUSE
 * interruptibly. */
static bool thread_waits(const char *tid)
{
	char text[256];
	const char *state = read_word(tid, "stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;

	if (state && state[1] == ' ' && state[2] == 'D')
		return true;
	return read_word(tid, "wchan", text, sizeof(text)) && strcmp(text, "request_wait_answer") == 0;
}

bool watchdog_sees_waiting(void)
{
	DIR *threads = opendir("/proc/self/task");
	struct dirent *entry;
	bool waits = false;

	/* cppcheck-suppress readdirCalled ; the stream is this call's own */
	while (threads && !waits && (entry = readdir(threads)))
		if (entry->d_name[0] != '.')
			waits = thread_waits(entry->d_name);
	if (threads)
		closedir(threads);
	return waits;
}

/* --- its threads -------------------------------------------------------------------------------- */

/* Waits for a quarter of the period. False at the end. */
static bool wait_a_while(struct watchdog *watchdog)
{
	gint64 until = g_get_monotonic_time() + (gint64)(watchdog->period_us / 4);
	bool goes_on;

	g_mutex_lock(&watchdog->lock);
	while (!watchdog->ending && g_cond_wait_until(&watchdog->wake, &watchdog->lock, until))
		;
	goes_on = !watchdog->ending;
	g_mutex_unlock(&watchdog->lock);
	return goes_on;
}

static void *ask(void *data)
{
	struct watchdog *watchdog = data;

	while (wait_a_while(watchdog)) {
		if (!watchdog->mounted)
			continue;
		asker_tries_control(watchdog->asker);
		watchdog->answered_us = clock_now_us();
	}
	return NULL;
}

/* The ticker runs once a second, and may be somewhat late on a busy machine. */
static bool is_late(const struct watchdog *watchdog, int64_t at_us)
{
	return clock_now_us() - at_us > MAX((int64_t)(watchdog->period_us / 2), 2 * G_USEC_PER_SEC);
}

static bool makes_progress(struct watchdog *watchdog)
{
	if (!is_late(watchdog, watchdog->answered_us) && !is_late(watchdog, watchdog->ticked_us))
		return true;
	if (!watchdog_sees_waiting())
		return false;
	log_once(LOG_LEVEL_WARNING,
		"watchdog: the mount waits for its disk; the service manager is told that it is alive");
	return true;
}

static void *tell(void *data)
{
	struct watchdog *watchdog = data;

	while (wait_a_while(watchdog))
		if (watchdog->mounted && makes_progress(watchdog))
			notify_send("WATCHDOG=1");
	return NULL;
}

int watchdog_start(struct watchdog *watchdog, struct asker *asker, bool foreground)
{
	static void *(*const runs[])(void *) = {ask, tell};
	static const char *const names[] = {"sieve-ask", "sieve-tell"};
	int r = 0;

	*watchdog = (struct watchdog){.asker = asker, .period_us = foreground ? notify_watchdog_us() : 0};
	if (!watchdog->period_us)
		return 0;
	for (unsigned i = 0; r == 0 && i < 2; i++) {
		r = thread_start(&watchdog->threads[i], names[i], runs[i], watchdog);
		watchdog->thread_count += r == 0;
	}
	return r;
}

void watchdog_mounted(struct watchdog *watchdog)
{
	watchdog->answered_us = clock_now_us();
	watchdog->ticked_us = clock_now_us();
	watchdog->mounted = true;
}

void watchdog_ticked(struct watchdog *watchdog)
{
	watchdog->ticked_us = clock_now_us();
}

void watchdog_end(struct watchdog *watchdog)
{
	g_mutex_lock(&watchdog->lock);
	watchdog->ending = true;
	g_cond_broadcast(&watchdog->wake);
	g_mutex_unlock(&watchdog->lock);
	for (unsigned i = 0; i < watchdog->thread_count; i++)
		pthread_join(watchdog->threads[i], NULL);
	watchdog->thread_count = 0;
}
