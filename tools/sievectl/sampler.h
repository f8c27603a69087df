/*
 * sampler - takes samples of a mount in a process of its own, so that a daemon that hangs holds nobody up:
 * whoever waits for an answer of it, or closes a file of it, can't even be killed until it answers.
 */
#pragma once

#include "tools/sievectl/watch.h"

struct sampler;

#define SAMPLER_ERROR 1024

/* What the process tells. */
struct sampler_news {
	struct watch watch;
	int result;                /* 0, or -errno: there will be no more */
	char error[SAMPLER_ERROR]; /* the reason, "" where there is none but that */
};

/* Goes on from a watch that has begun. 0 or -errno. */
int sampler_new(const struct watch *watch, double interval_s, struct sampler **out);

/* True where there is something new; does not wait. A process that was killed is an error. */
bool sampler_read(struct sampler *sampler, struct sampler_news *news);

/* Ends the process, and does not wait for its end. NULL is fine. */
void sampler_free(struct sampler *sampler);
