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
	struct list_node node; /* in the list of all open directories */
	int fd;
	pthread_mutex_t lock; /* for all fields below; a descriptor has only one position */
	off_t next;           /* the offset behind the last entry that was returned */
	bool caches;          /* the kernel may cache what is listed; set once */
	bool ended;           /* the end was reached at that offset, but not reported yet */
	size_t used, at;      /* of the buffer */
	char buffer[DIR_BUFFER];
};

/* Takes over fd, also on failure. NULL if out of memory. */
struct dir *dir_new(int fd);
void dir_free(struct dir *dir);
/* Frees the directories that the kernel did not release. At the end of the mount, without other threads. */
void dir_free_all(void);

/* (dir->lock) Moves to the offset of an entry; 0 is the start. 0 or -errno. */
int dir_seek(struct dir *dir, off_t offset);
/* (dir->lock) Returns the next entry without consuming it: the caller advances at and next. NULL at the end,
 * or on an error with *r < 0. */
struct dirent64 *dir_peek(struct dir *dir, int *r);
