#include "tools/sievectl/watch.h"

#include <stdlib.h>
#include <time.h>

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
	*watch = (struct watch){.mount = mount};
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
