#include "tools/sievectl/flush.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 100
#define MIB (1024.0 * 1024.0)

struct left {
	uint64_t files, bytes;
};

static int ask(struct sievectl *ctl, const char *flag, struct left *left)
{
	const char *const request[] = {"flush", flag, NULL};
	char *reply = NULL;
	int r = sievectl_request(ctl, request, &reply, NULL);

	*left = (struct left){0};
	if (r == 0 && sscanf(reply, "%" SCNu64 " %" SCNu64, &left->files, &left->bytes) != 2)
		r = -EPROTO;
	free(reply);
	return r;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void show(const struct left *left, uint64_t most, double seconds)
{
	double rate = most > left->bytes && seconds > 0 ? (double)(most - left->bytes) / seconds : 0;

	fprintf(stderr, "\r%" PRIu64 " files, %.1f MiB left, %.1f MiB/s", left->files,
		(double)left->bytes / MIB, rate / MIB);
	if (rate > 0)
		fprintf(stderr, ", %.0f s", (double)left->bytes / rate);
	fputs("\033[K", stderr); /* what the line before had more */
}

static int wait_for(struct sievectl *ctl, struct left *left)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	bool shows = isatty(STDERR_FILENO), shown = false;
	double began_s = now_s();
	uint64_t most = left->bytes;
	int r = 0;

	while (r == 0 && left->files) {
		most = left->bytes > most ? left->bytes : most;
		if (shows)
			show(left, most, now_s() - began_s);
		shown = shows;
		nanosleep(&pause, NULL);
		r = ask(ctl, "--left", left);
	}
	if (shown)
		fputs("\r\033[K", stderr);
	return r;
}

int flush_run(struct sievectl *ctl, const char *const *request)
{
	struct left left;
	int r = ask(ctl, NULL, &left);

	if (r < 0)
		return r;
	if (request[1])
		return wait_for(ctl, &left);
	printf("%" PRIu64 " files, %" PRIu64 " bytes on their way\n", left.files, left.bytes);
	return 0;
}
