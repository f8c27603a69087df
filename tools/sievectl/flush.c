#include "tools/sievectl/flush.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/libsievefs/sievefs.h"
#include "tools/sievectl/progress.h"
#include "tools/sievectl/walk.h"

#define PAUSE_US 100000

struct left {
	uint64_t files, bytes;
};

struct flushing {
	GPtrArray *files;  /* paths of those that were dirty */
	GPtrArray *mounts; /* struct sievefs_mount: whole mounts, which themselves know what is dirty */
	struct left left;
	int status;
};

static void note_failure(void *context, const char *path, int error)
{
	struct flushing *flushing = context;

	walk_complain(path, error);
	flushing->status = EXIT_FAILURE;
}

static void note_mount_failure(struct flushing *flushing, const struct sievefs_mount *mount)
{
	fprintf(stderr, "sievectl: %s\n", sievefs_mount_error(mount));
	flushing->status = EXIT_FAILURE;
}

/* --- files -------------------------------------------------------------------------------------- */

static uint64_t dirty_bytes(const struct sievefs_file *file)
{
	return file->dirty_bytes + file->writeback_bytes;
}

static bool flush_file(void *context, int dirfd, const char *name, const char *path)
{
	struct flushing *flushing = context;
	struct sievefs_file file;
	int r = sievefs_flush_at(dirfd, name, &file);

	if (r < 0 && r != -ENOENT) {
		note_failure(flushing, path, r);
	} else if (r == 0 && !(file.flags & SIEVEFS_COUNTED)) {
		note_failure(flushing, path, ENODATA);
	} else if (r == 0 && dirty_bytes(&file)) {
		g_ptr_array_add(flushing->files, g_strdup(path));
		flushing->left.files++;
		flushing->left.bytes += dirty_bytes(&file);
	}
	return true;
}

/* Sums up what is left of the files; those that are clean or gone leave the list. */
static void look_at_files(struct flushing *flushing)
{
	for (guint i = flushing->files->len; i-- > 0;) {
		struct sievefs_file file;

		if (sievefs_state_at(AT_FDCWD, flushing->files->pdata[i], &file) < 0 || !dirty_bytes(&file)) {
			g_ptr_array_remove_index_fast(flushing->files, i);
			continue;
		}
		flushing->left.files++;
		flushing->left.bytes += dirty_bytes(&file);
	}
}

/* --- whole mounts ------------------------------------------------------------------------------- */

static int ask_mount(struct sievefs_mount *mount, const char *flag, struct left *left)
{
	const char *const request[] = {"flush", flag, NULL};
	char *reply = NULL;
	struct left more;
	int r = sievefs_mount_request(mount, request, &reply, NULL);

	if (r == 0 && sscanf(reply, "%" SCNu64 " %" SCNu64, &more.files, &more.bytes) != 2)
		r = -EPROTO;
	if (r == 0) {
		left->files += more.files;
		left->bytes += more.bytes;
	}
	free(reply);
	return r;
}

static bool is_mount_root(const char *path)
{
	struct statx stx;

	return statx(AT_FDCWD, path, 0, STATX_TYPE, &stx) == 0 && stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/* False: no mount, or one without the options dirty_*, whose files are to be looked at one by one. */
static bool flush_mount(struct flushing *flushing, const char *path)
{
	struct sievefs_mount *mount = NULL;
	bool done = false;
	int r;

	if (is_mount_root(path) && sievefs_mount_open(path, &mount) == 0) {
		r = ask_mount(mount, NULL, &flushing->left);
		done = r != -EINVAL;
		if (r == 0) {
			g_ptr_array_add(flushing->mounts, mount);
			return true;
		}
		if (done)
			note_mount_failure(flushing, mount);
	}
	sievefs_mount_close(mount);
	return done;
}

static void look_at_mounts(struct flushing *flushing)
{
	for (guint i = flushing->mounts->len; i-- > 0;) {
		uint64_t before = flushing->left.files;
		int r = ask_mount(flushing->mounts->pdata[i], "--left", &flushing->left);

		if (r < 0)
			note_mount_failure(flushing, flushing->mounts->pdata[i]);
		if (r < 0 || flushing->left.files == before)
			g_ptr_array_remove_index_fast(flushing->mounts, i);
	}
}

/* --- both --------------------------------------------------------------------------------------- */

static void wait_for_the_disk(struct flushing *flushing)
{
	struct progress progress;

	progress_begin(&progress, flushing->left.files, flushing->left.bytes);
	while (flushing->files->len || flushing->mounts->len) {
		flushing->left = (struct left){0};
		look_at_files(flushing);
		look_at_mounts(flushing);
		progress_left(&progress, flushing->left.files, flushing->left.bytes);
		if (flushing->left.files)
			g_usleep(PAUSE_US);
	}
	progress_clear(&progress);
}

static void close_mount(void *mount)
{
	sievefs_mount_close(mount);
}

int flush_run(const char *const *paths, const char *const *flags)
{
	struct flushing flushing = {.files = g_ptr_array_new_with_free_func(g_free),
		.mounts = g_ptr_array_new_with_free_func(close_mount)};
	const struct walk walk = {flush_file, note_failure, &flushing};

	for (; *paths; paths++) {
		const char *const one[] = {*paths, NULL};

		if (!flush_mount(&flushing, *paths))
			walk_paths(&walk, one);
	}
	if (*flags)
		wait_for_the_disk(&flushing);
	else
		printf("%" PRIu64 " files, %" PRIu64 " bytes in writeback\n", flushing.left.files,
			flushing.left.bytes);
	g_ptr_array_free(flushing.files, TRUE);
	g_ptr_array_free(flushing.mounts, TRUE);
	return flushing.status;
}
