#include "tools/sievectl/evict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/libsievefs/sievefs.h"
#include "tools/sievectl/walk.h"

struct evicting {
	uint64_t files;
	int status;
};

static void note_failure(void *context, const char *path, int error)
{
	struct evicting *evicting = context;

	walk_complain(path, error);
	evicting->status = EXIT_FAILURE;
}

static bool evict_file(void *context, int dirfd, const char *name, const char *path)
{
	struct evicting *evicting = context;
	int r = sievefs_evict_at(dirfd, name, NULL);

	if (r == 0)
		evicting->files++;
	else if (r != -ENOENT)
		note_failure(evicting, path, r);
	return true;
}

/* One request: the mount itself knows which files it has cached. */
static int evict_all(const char *path)
{
	const char *const request[] = {"evict", NULL};
	struct sievefs_mount *mount;
	char *reply = NULL;
	int r = sievefs_mount_open(path, &mount);

	if (r == 0)
		r = sievefs_mount_request(mount, request, &reply, NULL);
	if (r == 0)
		fputs(reply, stdout);
	else
		fprintf(stderr, "sievectl: %s\n", mount ? sievefs_mount_error(mount) : strerror(-r));
	free(reply);
	sievefs_mount_close(mount);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int evict_run(const char *const *files, const char *const *flags)
{
	struct evicting evicting = {0};
	const struct walk walk = {evict_file, note_failure, &evicting};

	if (!*flags) {
		walk_paths(&walk, files);
		printf("%" PRIu64 " files evicted\n", evicting.files);
		return evicting.status;
	}
	for (; *files; files++)
		evicting.status |= evict_all(*files);
	return evicting.status;
}
