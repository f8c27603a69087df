#include "fs/queues.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/log.h"
#include "cache/policy/queue_class.h"
#include "fs/threads.h"

#define QUEUE_NAME "fuse-ring-" /* of libfuse's threads, followed by the CPU */
#define FIND_TRIES 16
#define FIND_FIRST_MS 20  /* before the first two tries; before each later one twice as long… */
#define FIND_MOST_MS 1000 /* …up to this */

struct queue {
	pid_t tid;           /* 0: not found */
	int schedstat, stat; /* files of /proc/self/task/TID */
	struct queue_class class;
	atomic_bool resting; /* the thread rests, and its next request is to be noticed */
};

struct queues {
	pthread_t thread;
	GMutex lock; /* for ending and woken */
	GCond wake;
	bool ending, woken;
	atomic_uint_least64_t idle, returns;
	unsigned cpu_count;
	bool found;          /* this and list: the thread's own, but list[].resting */
	struct queue list[]; /* of each CPU */
};

/* --- finding them ------------------------------------------------------------------------------ */

static int open_of_task(const char *tid, const char *name)
{
	char path[320];

	snprintf(path, sizeof(path), "/proc/self/task/%s/%s", tid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads the beginning of a small file of /proc. Returns false on errors. */
static bool read_text(int fd, char *text, size_t size)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Of a queue's thread; -1: it is not one. */
static int cpu_of(const char *tid)
{
	char name[32];
	int fd = open_of_task(tid, "comm"), cpu = -1;

	if (read_text(fd, name, sizeof(name)) && g_str_has_prefix(name, QUEUE_NAME))
		cpu = atoi(name + strlen(QUEUE_NAME));
	if (fd >= 0)
		close(fd);
	return cpu;
}

static void forget(struct queues *queues)
{
	for (unsigned cpu = 0; cpu < queues->cpu_count; cpu++) {
		if (!queues->list[cpu].tid)
			continue;
		close(queues->list[cpu].schedstat);
		close(queues->list[cpu].stat);
		queues->list[cpu].tid = 0;
	}
}

/* Whether the kernel counts how long tasks wait for a CPU. */
static bool add(struct queue *queue, const char *tid)
{
	queue->schedstat = open_of_task(tid, "schedstat");
	queue->stat = open_of_task(tid, "stat");
	if (queue->schedstat >= 0 && queue->stat >= 0) {
		queue->tid = atoi(tid);
		return true;
	}
	if (queue->schedstat >= 0)
		close(queue->schedstat);
	if (queue->stat >= 0)
		close(queue->stat);
	return false;
}

/* All or none. A thread that one of them starts has its name, too, and may be mistaken for one; so there must
 * be one for each CPU, and no second one. */
static bool find(struct queues *queues)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;
	bool ok = tasks;

	/* cppcheck-suppress readdirCalled ; the stream is this call's own */
	while (ok && (entry = readdir(tasks))) {
		int cpu = entry->d_name[0] == '.' ? -1 : cpu_of(entry->d_name);

		if (cpu < 0)
			continue;
		ok = (unsigned)cpu < queues->cpu_count && !queues->list[cpu].tid &&
		     add(&queues->list[cpu], entry->d_name);
		count += ok;
	}
	if (tasks)
		closedir(tasks);
	queues->found = ok && count == queues->cpu_count;
	if (!queues->found)
		forget(queues);
	return queues->found;
}

/* --- looking at them --------------------------------------------------------------------------- */

/* Field 3 of stat, behind the name in brackets: R while it runs or waits for the CPU. */
static bool is_runnable(const struct queue *queue)
{
	char text[512];
	const char *state = read_text(queue->stat, text, sizeof(text)) ? strrchr(text, ')') : NULL;

	return state && state[1] == ' ' && state[2] == 'R';
}

static bool read_facts(const struct queue *queue, struct queue_class_facts *facts)
{
	char text[128];

	if (!read_text(queue->schedstat, text, sizeof(text)) ||
		sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &facts->run_ns, &facts->wait_ns,
			&facts->slices) != 3)
		return false;
	facts->runnable =
		queue->class.is_idle && facts->slices == queue->class.last.slices && is_runnable(queue);
	return true;
}

/* False at the end of the thread, or if its class can't be set. */
static bool look_at(struct queues *queues, struct queue *queue, int64_t now_ms)
{
	bool was_idle = queue->class.is_idle;
	uint32_t returns = queue->class.returns;
	struct queue_class_facts facts;
	bool idle;

	if (!read_facts(queue, &facts))
		return false;
	idle = queue_class_look(&queue->class, &facts, now_ms);
	atomic_store_explicit(&queue->resting, queue->class.is_resting, memory_order_relaxed);
	if (idle == was_idle)
		return true;
	if (sched_setscheduler(queue->tid, idle ? SCHED_IDLE : SCHED_OTHER, &(struct sched_param){0}) < 0) {
		if (errno != ESRCH)
			log_warning("cannot change the scheduling class of a thread: %s", strerror(errno));
		return false;
	}
	atomic_fetch_add(&queues->idle, idle ? 1 : -1);
	atomic_fetch_add(&queues->returns, queue->class.returns - returns);
	return true;
}

/* Nobody looks at them any more. */
static void leave_all(struct queues *queues)
{
	for (unsigned cpu = 0; cpu < queues->cpu_count; cpu++)
		if (queues->list[cpu].class.is_idle)
			sched_setscheduler(queues->list[cpu].tid, SCHED_OTHER, &(struct sched_param){0});
	atomic_store(&queues->idle, 0);
}

static bool look_at_all(struct queues *queues, int64_t *next_ms)
{
	int64_t now_ms = clock_now_ms();

	*next_ms = now_ms + QUEUE_CLASS_NORMAL_LOOK_MS;
	for (unsigned cpu = 0; cpu < queues->cpu_count; cpu++) {
		struct queue *queue = &queues->list[cpu];

		if (!atomic_load_explicit(&queue->resting, memory_order_relaxed))
			queue_class_wake(&queue->class, now_ms);
		if (queue_class_next_ms(&queue->class) <= now_ms && !look_at(queues, queue, now_ms))
			return false;
		*next_ms = MIN(*next_ms, queue_class_next_ms(&queue->class));
	}
	return true;
}

/* False at the end. */
static bool sleep_until(struct queues *queues, int64_t until_ms)
{
	bool goes_on;

	g_mutex_lock(&queues->lock);
	while (!queues->ending && !queues->woken &&
		g_cond_wait_until(&queues->wake, &queues->lock, until_ms * 1000))
		;
	queues->woken = false;
	goes_on = !queues->ending;
	g_mutex_unlock(&queues->lock);
	return goes_on;
}

static void *run(void *data)
{
	struct queues *queues = data;
	int64_t next_ms = clock_now_ms() + FIND_FIRST_MS, pause_ms = FIND_FIRST_MS;
	unsigned tries = 0;

	while (sleep_until(queues, next_ms)) {
		if (!queues->found && !find(queues)) {
			if (++tries == FIND_TRIES) {
				log_info("queue_class=auto has no effect: libfuse has no threads named "
					 "%sCPU, or the kernel no schedstat",
					QUEUE_NAME);
				return NULL;
			}
			next_ms = clock_now_ms() + pause_ms;
			pause_ms = MIN(2 * pause_ms, FIND_MOST_MS);
		} else if (!look_at_all(queues, &next_ms)) {
			leave_all(queues);
			return NULL;
		}
	}
	return NULL;
}

int queues_new(struct queues **out)
{
	unsigned cpu_count = (unsigned)get_nprocs_conf();
	struct queues *queues = calloc(1, sizeof(*queues) + (size_t)cpu_count * sizeof(queues->list[0]));
	int r;

	if (!queues)
		return -ENOMEM;
	queues->cpu_count = cpu_count;
	r = thread_start(&queues->thread, "sieve-queues", run, queues);
	if (r == 0)
		*out = queues;
	else
		free(queues);
	return r;
}

void queues_free(struct queues *queues)
{
	if (!queues)
		return;
	g_mutex_lock(&queues->lock);
	queues->ending = true;
	g_cond_broadcast(&queues->wake);
	g_mutex_unlock(&queues->lock);
	pthread_join(queues->thread, NULL);
	forget(queues);
	free(queues);
}

void queues_note(struct queues *queues)
{
	int cpu = queues ? sched_getcpu() : -1; /* each thread is bound to its CPU */

	if (cpu < 0 || (unsigned)cpu >= queues->cpu_count ||
		!atomic_load_explicit(&queues->list[cpu].resting, memory_order_relaxed) ||
		!atomic_exchange_explicit(&queues->list[cpu].resting, false, memory_order_relaxed))
		return;
	g_mutex_lock(&queues->lock);
	queues->woken = true;
	g_cond_signal(&queues->wake);
	g_mutex_unlock(&queues->lock);
}

void queues_leave_class(const struct queues *queues)
{
	if (queues)
		sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
}

void queues_read_figures(struct queues *queues, struct queues_figures *figures)
{
	*figures = (struct queues_figures){0};
	if (!queues)
		return;
	figures->idle = queues->idle;
	figures->returns = queues->returns;
}
