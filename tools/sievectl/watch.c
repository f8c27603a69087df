#include "tools/sievectl/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_S 5.0       /* between two looks at all cached files */
#define PAUSE_FACTOR 50.0 /* or so many times as long as one took: a fiftieth of a CPU */
#define INTERVAL_MIN_S 0.1
#define INTERVAL_MAX_S 86400.0

double watch_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int take(struct sievefs_mount *mount, struct sample *sample)
{
	static const char *const request[] = {"stat", "--json", NULL};
	char *reply = NULL;
	int r = sievefs_mount_request(mount, request, &reply, NULL);

	if (r == 0)
		r = sample_parse(reply, sample);
	if (r == 0)
		sample->taken_s = watch_clock();
	free(reply);
	return r;
}

int watch_begin(struct watch *watch, struct sievefs_mount *mount)
{
	*watch = (struct watch){.mount = mount, .may_list = true};
	return take(mount, &watch->now);
}

int watch_next(struct watch *watch)
{
	struct sample sample;
	int r = take(watch->mount, &sample);

	if (r < 0)
		return r;
	watch->before = watch->now;
	watch->now = sample;
	rates_between(&watch->before, &watch->now, &watch->rates);
	return 0;
}

void watch_hottest(struct watch *watch)
{
	double began_s = watch_clock(), took_s;

	if (!watch->may_list || began_s < watch->hottest_s)
		return;
	if (hottest_read(watch->mount, &watch->hottest) < 0) {
		watch->may_list = false;
		watch->hottest.count = 0;
	}
	took_s = watch_clock() - began_s;
	watch->hottest_s = began_s + (took_s * PAUSE_FACTOR > PAUSE_S ? took_s * PAUSE_FACTOR : PAUSE_S);
}

int watch_parse_interval(const char *text, double *interval_s)
{
	char *end = NULL;

	*interval_s = strspn(text, "0123456789.") == strlen(text) ? strtod(text, &end) : 0;
	if (end && *end == '\0' && *interval_s >= INTERVAL_MIN_S && *interval_s <= INTERVAL_MAX_S)
		return 0;
	fprintf(stderr, "sievectl: -i %s: takes seconds, 0.1 to 86400\n", text);
	return 1;
}
