/*
 * volume - what is known of each backing file system: whether it reads and writes around the page cache, with
 * which alignment. Found at the first open of a file on it and kept for the backend's life, so that a
 * fallback is said once per file system and not once per file.
 *
 * Alignment is STATX_DIOALIGN's (Linux 6.1) where the file system gives it, else a page is taken, and the
 * first EINVAL of the device turns the direct way off for that handle.
 */
#pragma once

#include "backends/choice.h"
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct volume {
	struct volume *next;
	dev_t dev;
	bool in_memory; /* tmpfs, ramfs: the page cache is the file */
	_Atomic bool direct;
	_Atomic bool uncached; /* RWF_DONTCACHE (Linux 6.14) was not refused yet */
	uint32_t memory_align; /* of buffers, bytes, a power of two */
	uint32_t offset_align; /* of offsets and sizes */
	pthread_mutex_t choice_lock;
	struct choice choice;
};

struct volumes {
	pthread_mutex_t lock;
	struct volume *first;
};

void volumes_init(struct volumes *volumes);
void volumes_deinit(struct volumes *volumes);

/* 0 and *volume, valid until deinit, or -errno. *ino is the file's. */
int volumes_find(struct volumes *volumes, int fd, struct volume **volume, ino_t *ino);
