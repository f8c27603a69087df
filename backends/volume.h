/*
 * volume - what is known of each backing file system: found at the first open of a file on it, and kept as
 * long as the backend, so that a fallback is logged once for each file system and not for each file.
 *
 * Whether a file can be read and written around the page cache, and with which alignment, depends on the
 * file: one that is compressed, encrypted or journalled may refuse what its neighbours allow. The alignment
 * is that of STATX_DIOALIGN (Linux 6.1) if the file system gives it, otherwise a page; after the first EINVAL
 * of the device the handle goes through the page cache.
 */
#pragma once

#include "backends/pace.h"
#include "backends/stream_mode.h"
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct statx;

struct volume {
	struct volume *next;
	dev_t dev;
	bool in_memory;        /* tmpfs, ramfs: the page cache is the file */
	bool local;            /* this kernel sees each change of a file at once */
	_Atomic bool refused;  /* a file here refused O_DIRECT, and that was logged */
	_Atomic bool uncached; /* RWF_DONTCACHE (Linux 6.14) was not refused yet */
	struct pace pace;      /* of writes through the page cache */
	pthread_mutex_t mode_lock;
	struct stream_modes read_modes;  /* how streams are read */
	struct stream_modes write_modes; /* and written: all of a class in one mode at a time */
	struct stream_mode_meter write_meters[STREAM_CLASSES];
};

/* What is known of one file. */
struct volume_file {
	ino_t ino;
	bool direct;           /* O_DIRECT may be tried */
	uint32_t memory_align; /* of buffers, bytes, a power of two */
	uint32_t offset_align; /* of offsets and sizes */
};

struct volumes {
	pthread_mutex_t lock;
	struct volume *first;
};

void volumes_init(struct volumes *volumes);
void volumes_deinit(struct volumes *volumes);

/* Bytes a second of its streams of reads, in the faster mode of any class; 0: not measured. */
uint64_t volumes_read_rate(struct volumes *volumes, dev_t device);
/* The same of streams of large writes. */
uint64_t volumes_write_rate(struct volumes *volumes, dev_t device);

/* 0 and *volume, valid until deinit, and *facts; or -errno. known: as in struct backend_open. */
int volumes_find(struct volumes *volumes, int fd, const struct statx *known, struct volume **volume,
	struct volume_file *facts);
