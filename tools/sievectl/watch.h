/* watch - samples of a mount, one after the other. */
#pragma once

#include "tools/libsievefs/sievefs.h"
#include "tools/sievectl/hottest.h"
#include "tools/sievectl/sample.h"

struct watch {
	struct sievefs_mount *mount;
	struct sample before, now;
	struct rates rates;     /* between them */
	struct hottest hottest; /* not read with each sample; see watch_hottest() */
	double hottest_s;       /* when that is to be read again */
	bool may_list;          /* the mount answers requests for the hottest files */
};

/* Takes the first sample. 0 or -errno, with the reason in sievefs_mount_error() unless -EPROTO or -ENOMEM. */
int watch_begin(struct watch *watch, struct sievefs_mount *mount);

/* Takes the next sample. 0 or -errno, likewise. */
int watch_next(struct watch *watch);

/* Reads the hottest files again, if it is time: every five seconds, and less often where that takes long. The
 * list stays empty if the mount does not answer that. */
void watch_hottest(struct watch *watch);

/* Reads the value of -i, seconds. 0; 1: it is invalid, and that was reported. */
int watch_parse_interval(const char *text, double *interval_s);

/* Seconds, of a monotonic clock. */
double watch_clock(void);
