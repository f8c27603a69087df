#include "backends/volume.h"
#include "backends/fstype.h"
#include "cache/base/lock_order.h"
#include <errno.h>
#include <fcntl.h>
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
		pthread_mutex_destroy(&volume->mode_lock);
		free(volume);
	}
	pthread_mutex_destroy(&volumes->lock);
}

static void file_learn_alignment(struct volume_file *facts, const struct statx *stx)
{
	facts->direct = true;
	facts->memory_align = ALIGN_UNTOLD;
	facts->offset_align = ALIGN_UNTOLD;
#ifdef STATX_DIOALIGN
	if (stx->stx_mask & STATX_DIOALIGN) {
		facts->direct = stx->stx_dio_offset_align != 0;
		if (facts->direct) {
			facts->memory_align = stx->stx_dio_mem_align;
			facts->offset_align = stx->stx_dio_offset_align;
		}
	}
#endif
}

static struct volume *volume_new(int fd, dev_t dev)
{
	struct volume *volume = calloc(1, sizeof(*volume));
	struct statfs fs;

	if (!volume)
		return NULL;
	volume->dev = dev;
	volume->uncached = true;
	pthread_mutex_init(&volume->mode_lock, NULL);
	stream_mode_init(&volume->read_modes, &stream_mode_of_reads);
	stream_mode_init(&volume->write_modes, &stream_mode_of_writes);
	if (fstatfs(fd, &fs) == 0) {
		const struct fstype *type = fstype_find((uint32_t)fs.f_type);

		volume->in_memory = type->in_memory;
		volume->local = type->local;
	}
	return volume;
}

int volumes_find(struct volumes *volumes, int fd, const struct statx *known, struct volume **volume,
	struct volume_file *facts)
{
	unsigned mask = STATX_INO;
	struct volume *found;
	struct statx stx;
	dev_t dev;

#ifdef STATX_DIOALIGN
	mask |= STATX_DIOALIGN;
#endif
	/* these attributes never change: a file server need not be asked, and may be unreachable */
	if (!known && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, mask, &stx) < 0)
		return -errno;
	if (!known)
		known = &stx;
	dev = makedev(known->stx_dev_major, known->stx_dev_minor);
	facts->ino = known->stx_ino;
	file_learn_alignment(facts, known);
	lock_take(&volumes->lock, LOCK_VOLUMES);
	for (found = volumes->first; found && found->dev != dev; found = found->next)
		;
	if (!found) {
		found = volume_new(fd, dev);
		if (found) {
			found->next = volumes->first;
			volumes->first = found;
		}
	}
	lock_drop(&volumes->lock, LOCK_VOLUMES);
	if (!found)
		return -ENOMEM;
	facts->direct &= !found->in_memory;
	*volume = found;
	return 0;
}

static uint64_t fastest(const struct stream_modes *modes)
{
	uint64_t least = 0;

	for (int class = 0; class < STREAM_CLASSES; class ++)
		for (int mode = 0; mode < STREAM_MODES; mode++) {
			uint64_t ns = modes->classes[class].ns_per_mib[mode];

			if (ns && (!least || ns < least))
				least = ns;
		}
	return least ? (1ull << 20) * 1000000000 / least : 0;
}

static uint64_t rate_of(struct volumes *volumes, dev_t device, bool writes)
{
	struct volume *volume;
	uint64_t rate = 0;

	lock_take(&volumes->lock, LOCK_VOLUMES);
	for (volume = volumes->first; volume && volume->dev != device; volume = volume->next)
		;
	lock_drop(&volumes->lock, LOCK_VOLUMES);
	if (!volume)
		return 0;
	lock_take(&volume->mode_lock, LOCK_STREAM_MODE);
	rate = fastest(writes ? &volume->write_modes : &volume->read_modes);
	lock_drop(&volume->mode_lock, LOCK_STREAM_MODE);
	return rate;
}

uint64_t volumes_read_rate(struct volumes *volumes, dev_t device)
{
	return rate_of(volumes, device, false);
}

uint64_t volumes_write_rate(struct volumes *volumes, dev_t device)
{
	return rate_of(volumes, device, true);
}
