#include "tools/sievectl/pin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/libsievefs/sievefs.h"
#include "tools/sievectl/walk.h"

#define LOOK_US 1000
#define LOOKS_MAX 5000 /* a file that takes longer is reported as not cached yet */

struct pinning {
	uint64_t files;
	uint64_t absent;   /* not brought in */
	uint64_t not_kept; /* cached, but half of the cache is pinned already */
	int status;
};

static void note_failure(void *context, const char *path, int error)
{
	struct pinning *pinning = context;

	walk_complain(path, error);
	pinning->status = EXIT_FAILURE;
}

/* Waits until the file has been filled. */
static int await(int dirfd, const char *name, struct sievefs_file *file)
{
	int r = 0;

	for (unsigned looks = 0; r == 0 && file->flags & SIEVEFS_FILLING && looks < LOOKS_MAX; looks++) {
		usleep(LOOK_US);
		r = sievefs_state_at(dirfd, name, file);
	}
	return r;
}

static bool pin_file(void *context, int dirfd, const char *name, const char *path)
{
	struct pinning *pinning = context;
	struct sievefs_file file;
	int r = sievefs_pin_at(dirfd, name, &file);

	if (r == 0)
		r = await(dirfd, name, &file);
	if (r < 0) {
		note_failure(pinning, path, r);
		return true;
	}
	pinning->files++;
	pinning->absent += !(file.flags & SIEVEFS_CACHED);
	pinning->not_kept += file.flags & SIEVEFS_CACHED && !(file.flags & SIEVEFS_KEPT);
	return true;
}

int pin_run(const char *const *paths, const char *const *flags)
{
	struct pinning pinning = {0};
	const struct walk walk = {pin_file, note_failure, &pinning};

	(void)flags;
	walk_paths(&walk, paths);
	printf("%" PRIu64 " files pinned\n", pinning.files);
	if (pinning.absent)
		printf("%" PRIu64 " of them are not cached now: sievectl explain says why\n", pinning.absent);
	if (pinning.not_kept)
		printf("%" PRIu64 " of them may be evicted: pinned files take at most half of cache_size\n",
			pinning.not_kept);
	return pinning.status;
}

/* Files that were not pinned are ignored; the number of the others is printed. */
static bool unpin_file(void *context, int dirfd, const char *name, const char *path)
{
	struct pinning *pinning = context;
	int r = sievefs_unpin_at(dirfd, name, NULL);

	if (r == 0)
		pinning->files++;
	else if (r != -ENOENT)
		note_failure(pinning, path, r);
	return true;
}

int unpin_run(const char *const *paths, const char *const *flags)
{
	struct pinning pinning = {0};
	const struct walk walk = {unpin_file, note_failure, &pinning};

	(void)flags;
	walk_paths(&walk, paths);
	printf("%" PRIu64 " files unpinned\n", pinning.files);
	return pinning.status;
}
