/*
 * sampler - takes samples of a mount in a process of its own, so that a daemon that hangs does not block
 * sievectl: a process that waits for a reply of the daemon, or closes a file of its mount, can't even be
 * killed until the daemon answers.
 */
#pragma once

#include "tools/sievectl/watch.h"

struct sampler;

#define SAMPLER_ERROR 1024

/* What the process reports. */
struct sampler_news {
	struct watch watch;
	int result;                /* 0, or -errno: this was the last report */
	char error[SAMPLER_ERROR]; /* the reason, "" where result says it all */
};

/* Starts the process, which continues a watch that has begun. 0 or -errno. */
int sampler_new(const struct watch *watch, double interval_s, struct sampler **out);

/* True: there is a new report. Does not wait. A process that was killed is reported as an error. */
bool sampler_read(struct sampler *sampler, struct sampler_news *news);

/* Ends the process, and does not wait for its end. NULL is fine. */
void sampler_free(struct sampler *sampler);
