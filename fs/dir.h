/* dir - an open directory, read in the backing file system's own order and with its offsets. */
#pragma once

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cache/base/list.h"

#define DIR_BUFFER (32 * 1024)

struct dir {
	struct list_node node; /* in the list of all */
	int fd;
	pthread_mutex_t lock; /* for all below: a descriptor has one position */
	off_t next;           /* the offset behind the last entry given out */
	bool ended;           /* the end was seen there, and has not been told yet */
	size_t used, at;      /* of the buffer */
	char buffer[DIR_BUFFER];
};

/* Takes fd over, also where it returns NULL: out of memory. */
struct dir *dir_new(int fd);
void dir_free(struct dir *dir);
/* At the end of the mount, when nobody asks for them any more: what the kernel did not release. */
void dir_free_all(void);

/* (dir->lock) Continues at an offset that an entry came with; 0 is the start. 0 or -errno. */
int dir_seek(struct dir *dir, off_t offset);
/* (dir->lock) The next entry, which stays the next one until the caller moves at and next on. NULL at the
 * end, or with *r < 0. */
struct dirent64 *dir_peek(struct dir *dir, int *r);
