#include "backends/volume.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum {
	ALIGN_UNTOLD = 4096,
};

void volumes_init(struct volumes *volumes)
{
	*volumes = (struct volumes){0};
	pthread_mutex_init(&volumes->lock, NULL);
}

void volumes_deinit(struct volumes *volumes)
{
	while (volumes->first) {
		struct volume *volume = volumes->first;

		volumes->first = volume->next;
		pthread_mutex_destroy(&volume->choice_lock);
		free(volume);
	}
	pthread_mutex_destroy(&volumes->lock);
}

static void volume_learn_alignment(struct volume *volume, const struct statx *stx)
{
	volume->memory_align = ALIGN_UNTOLD;
	volume->offset_align = ALIGN_UNTOLD;
#ifdef STATX_DIOALIGN
	if (stx->stx_mask & STATX_DIOALIGN) {
		volume->direct = stx->stx_dio_offset_align != 0;
		if (volume->direct) {
			volume->memory_align = stx->stx_dio_mem_align;
			volume->offset_align = stx->stx_dio_offset_align;
		}
	}
#endif
}

static struct volume *volume_new(int fd, const struct statx *stx)
{
	struct volume *volume = calloc(1, sizeof(*volume));
	struct statfs fs;

	if (!volume)
		return NULL;
	volume->dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	volume->direct = true;
	volume->uncached = true;
	pthread_mutex_init(&volume->choice_lock, NULL);
	choice_init(&volume->choice);
	if (fstatfs(fd, &fs) == 0)
		volume->in_memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC;
	if (volume->in_memory)
		volume->direct = false;
	else
		volume_learn_alignment(volume, stx);
	return volume;
}

int volumes_find(struct volumes *volumes, int fd, struct volume **volume, ino_t *ino)
{
	unsigned mask = STATX_INO;
	struct volume *found;
	struct statx stx;
	dev_t dev;

#ifdef STATX_DIOALIGN
	mask |= STATX_DIOALIGN;
#endif
	if (statx(fd, "", AT_EMPTY_PATH, mask, &stx) < 0)
		return -errno;
	dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	*ino = stx.stx_ino;
	pthread_mutex_lock(&volumes->lock);
	for (found = volumes->first; found && found->dev != dev; found = found->next)
		;
	if (!found) {
		found = volume_new(fd, &stx);
		if (found) {
			found->next = volumes->first;
			volumes->first = found;
		}
	}
	pthread_mutex_unlock(&volumes->lock);
	*volume = found;
	return found ? 0 : -ENOMEM;
}
