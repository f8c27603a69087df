#include "tools/sievectl/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct sampler {
	pid_t process;
	int from;    /* a pipe that it writes to */
	size_t read; /* bytes of next that have arrived */
	struct sampler_news next;
};

static void sleep_until(double when_s)
{
	const struct timespec until = {
		.tv_sec = (time_t)floor(when_s),
		.tv_nsec = (long)((when_s - floor(when_s)) * 1e9),
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* False once the reader is gone. */
static bool tell(int to, const struct sampler_news *news)
{
	const char *at = (const char *)news, *end = at + sizeof(*news);

	while (at < end) {
		ssize_t n = write(to, at, (size_t)(end - at));

		if (n < 0 && errno != EINTR)
			return false;
		at += n > 0 ? n : 0;
	}
	return true;
}

static void run(struct sampler_news *news, double interval_s, int to)
{
	double next_s = news->watch.now.taken_s;

	while (news->result == 0) {
		next_s = fmax(next_s + interval_s, watch_clock());
		sleep_until(next_s);
		watch_hottest(&news->watch);
		news->result = watch_next(&news->watch);
		if (news->result < 0)
			snprintf(news->error, sizeof(news->error), "%s",
				sievefs_mount_error(news->watch.mount));
		if (!tell(to, news))
			break;
	}
}

/* The process may outlive the terminal, and must not keep it open. */
static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= STDERR_FILENO && null >= 0; fd++)
		dup2(null, fd);
}

static int start(struct sampler *sampler, double interval_s)
{
	pid_t parent = getpid();
	int ends[2], r = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	sampler->process = fork();
	if (sampler->process == 0) {
		close(ends[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		leave_terminal();
		if (getppid() == parent)
			run(&sampler->next, interval_s, ends[1]);
		_exit(EXIT_SUCCESS);
	}
	if (sampler->process < 0)
		r = -errno;
	close(ends[1]);
	sampler->from = ends[0];
	fcntl(sampler->from, F_SETFL, O_NONBLOCK);
	return r;
}

int sampler_new(const struct watch *watch, double interval_s, struct sampler **out)
{
	struct sampler *sampler = calloc(1, sizeof(*sampler));
	int r;

	if (!sampler)
		return -ENOMEM;
	sampler->from = -1;
	sampler->next.watch = *watch;
	r = start(sampler, interval_s);
	if (r == 0)
		*out = sampler;
	else
		sampler_free(sampler);
	return r;
}

bool sampler_read(struct sampler *sampler, struct sampler_news *news)
{
	ssize_t n;

	do {
		n = read(sampler->from, (char *)&sampler->next + sampler->read,
			sizeof(sampler->next) - sampler->read);
		sampler->read += n > 0 ? (size_t)n : 0;
	} while (n > 0 && sampler->read < sizeof(sampler->next));
	if (n < 0)
		return false;
	if (n == 0) {
		news->result = -ECHILD;
		snprintf(news->error, sizeof(news->error), "the sampling process has ended");
		return true;
	}
	*news = sampler->next;
	sampler->read = 0;
	return true;
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return;
	if (sampler->process > 0)
		kill(sampler->process, SIGKILL);
	if (sampler->from >= 0)
		close(sampler->from);
	free(sampler);
}
