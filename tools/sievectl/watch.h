/* watch - samples of a mount, one after the other. */
#pragma once

#include "tools/libsievefs/sievefs.h"
#include "tools/sievectl/sample.h"

struct watch {
	struct sievefs_mount *mount;
	struct sample before, now;
	struct rates rates; /* between them */
};

/* Takes the first sample. 0 or -errno, with the reason in sievefs_mount_error() but for -EPROTO and -ENOMEM.
 */
int watch_begin(struct watch *watch, struct sievefs_mount *mount);

/* Takes the next one: likewise. */
int watch_next(struct watch *watch);

/* Reads the value of -i, seconds. 0; 1: it is none, as was said. */
int watch_parse_interval(const char *text, double *interval_s);

/* Seconds, of a clock that does not jump. */
double watch_clock(void);
