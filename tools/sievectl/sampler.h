/*
 * sampler - takes samples of a mount in a thread of its own, so that a daemon that hangs holds nobody up.
 */
#pragma once

#include "tools/sievectl/watch.h"

struct sampler;

/* The first sample was taken when it returns. 0 or -errno, as watch_begin(). */
int sampler_new(struct sievefs_mount *mount, double interval_s, struct sampler **out);

/* The last sample that was taken, and how many were. 0, or -errno where the next one could not be: there will
 * be no more. */
int sampler_read(struct sampler *sampler, struct watch *watch, unsigned long *count);

/* NULL is fine. False: the mount does not answer; the thread goes on waiting for it and needs the handle of
 * the mount, so that all there is to do is to end the process. */
bool sampler_free(struct sampler *sampler);
