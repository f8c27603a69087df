#include "fs/rlimits.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/param.h>
#include <sys/resource.h>

unsigned rlimits_raise_descriptors(void)
{
	struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20}, now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return 1024;
	if (now.rlim_max < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit = now;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return (unsigned)MIN(limit.rlim_cur, 1 << 20);
}

/* In a thread that is thrown away: it stays in the class if it may not leave it. */
static void *try_to_leave_idle(void *data)
{
	const struct sched_param none = {0};
	bool *left = data;

	*left = sched_setscheduler(0, SCHED_IDLE, &none) == 0 &&
		sched_setscheduler(0, SCHED_OTHER, &none) == 0;
	return NULL;
}

static bool may_leave_idle(void)
{
	pthread_t thread;
	bool left = false;

	if (sched_getscheduler(0) != SCHED_OTHER ||
		pthread_create(&thread, NULL, try_to_leave_idle, &left) != 0)
		return false;
	pthread_join(thread, NULL);
	return left;
}

/* The kernel lets a thread return to nice levels down to 20 - RLIMIT_NICE. */
enum leaving_idle rlimits_raise_nice(void)
{
	struct rlimit limit;
	rlim_t needed;

	errno = 0;
	needed = (rlim_t)(20 - getpriority(PRIO_PROCESS, 0));
	if (errno != 0 || getrlimit(RLIMIT_NICE, &limit) < 0)
		return LEAVING_IDLE_IS_FORBIDDEN;
	if (limit.rlim_cur < needed) {
		limit.rlim_cur = needed;
		limit.rlim_max = MAX(limit.rlim_max, needed);
		if (setrlimit(RLIMIT_NICE, &limit) < 0)
			return may_leave_idle() ? LEAVING_IDLE_NEEDS_CAPABILITY : LEAVING_IDLE_IS_FORBIDDEN;
	}
	return may_leave_idle() ? LEAVING_IDLE_IS_FREE : LEAVING_IDLE_IS_FORBIDDEN;
}

void rlimits_lift_file_size(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_FSIZE, &limit) == 0 || getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}
