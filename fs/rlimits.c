#include "fs/rlimits.h"

#include <sys/param.h>
#include <sys/resource.h>

unsigned rlimits_raise_descriptors(void)
{
	struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20}, now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return 1024;
	if (now.rlim_max < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit = now;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return (unsigned)MIN(limit.rlim_cur, 1 << 20);
}

void rlimits_lift_file_size(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_FSIZE, &limit) == 0 || getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}
