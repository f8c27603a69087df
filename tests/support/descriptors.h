/* descriptors - the number of descriptors that this process has open. */
#pragma once

#include "tests/support/check.h"
#include <dirent.h>

static inline int descriptors_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -3; /* the two dots, and the listing's own */

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
