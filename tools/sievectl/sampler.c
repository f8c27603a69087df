#include "tools/sievectl/sampler.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct sampler {
	struct sievefs_mount *mount;
	double interval_s;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t ends;
	bool ending, asking;
	int result;
	unsigned long count;
	struct watch latest;
};

/* (locked) False at the end. */
static bool sleep_until(struct sampler *sampler, double when_s)
{
	const struct timespec until = {
		.tv_sec = (time_t)floor(when_s),
		.tv_nsec = (long)((when_s - floor(when_s)) * 1e9),
	};
	int r = 0;

	while (!sampler->ending && r == 0)
		r = pthread_cond_timedwait(&sampler->ends, &sampler->lock, &until);
	return !sampler->ending;
}

static void *run(void *data)
{
	struct sampler *sampler = data;
	struct watch watch = sampler->latest;
	double next_s = watch.now.taken_s + sampler->interval_s;
	int r = 0;

	pthread_mutex_lock(&sampler->lock);
	while (r == 0 && sleep_until(sampler, next_s)) {
		sampler->asking = true;
		pthread_mutex_unlock(&sampler->lock);
		watch_hottest(&watch);
		r = watch_next(&watch);
		next_s = fmax(next_s + sampler->interval_s, watch_clock());
		pthread_mutex_lock(&sampler->lock);
		sampler->asking = false;
		sampler->result = r;
		if (r == 0) {
			sampler->latest = watch;
			sampler->count++;
		}
	}
	pthread_mutex_unlock(&sampler->lock);
	return NULL;
}

/* Signals are for the thread that has the terminal. */
static int start(struct sampler *sampler)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&sampler->thread, NULL, run, sampler);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int sampler_new(struct sievefs_mount *mount, double interval_s, struct sampler **out)
{
	struct sampler *sampler = calloc(1, sizeof(*sampler));
	pthread_condattr_t attributes;
	int r;

	if (!sampler)
		return -ENOMEM;
	sampler->mount = mount;
	sampler->interval_s = interval_s;
	pthread_mutex_init(&sampler->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sampler->ends, &attributes);
	pthread_condattr_destroy(&attributes);
	r = watch_begin(&sampler->latest, mount);
	if (r == 0)
		r = start(sampler);
	if (r == 0)
		*out = sampler;
	else
		free(sampler);
	return r;
}

int sampler_read(struct sampler *sampler, struct watch *watch, unsigned long *count)
{
	int r;

	pthread_mutex_lock(&sampler->lock);
	r = sampler->result;
	if (*count != sampler->count)
		*watch = sampler->latest;
	*count = sampler->count;
	pthread_mutex_unlock(&sampler->lock);
	return r;
}

bool sampler_free(struct sampler *sampler)
{
	bool asking;

	if (!sampler)
		return true;
	pthread_mutex_lock(&sampler->lock);
	sampler->ending = true;
	asking = sampler->asking;
	pthread_cond_signal(&sampler->ends);
	pthread_mutex_unlock(&sampler->lock);
	if (asking)
		return false;
	pthread_join(sampler->thread, NULL);
	pthread_cond_destroy(&sampler->ends);
	pthread_mutex_destroy(&sampler->lock);
	free(sampler);
	return true;
}
