#include "cache/trail/device.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cache/base/page_cache.h"

#define DEFAULT_KB 4096

/* The bdi of a network file system has the device number of the file system. A disk's is in the directory of
 * the disk, which is the parent of a partition's. */
static const char *const places[] = {
	"/sys/class/bdi/%u:%u/read_ahead_kb",
	"/sys/dev/block/%u:%u/bdi/read_ahead_kb",
	"/sys/dev/block/%u:%u/../bdi/read_ahead_kb",
};

uint64_t device_readahead(int fd)
{
	uint64_t kb = DEFAULT_KB;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return kb * 1024 / PAGE_CACHE_PAGE;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char path[80];
		FILE *f;
		int found;

		snprintf(path, sizeof(path), places[i], major(st.st_dev), minor(st.st_dev));
		f = fopen(path, "re");
		if (!f)
			continue;
		found = fscanf(f, "%" SCNu64, &kb);
		fclose(f);
		if (found == 1)
			break;
		kb = DEFAULT_KB;
	}
	return kb * 1024 / PAGE_CACHE_PAGE;
}
