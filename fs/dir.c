#include "fs/dir.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/base/lock_order.h"

/* Open directories. Those that are still open when the mount ends are not released by the kernel. */
static struct {
	pthread_mutex_t lock;
	struct list list;
} open_dirs = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct dir *dir_new(int fd)
{
	struct dir *dir = malloc(sizeof(*dir));

	if (!dir) {
		close(fd);
		return NULL;
	}
	dir->fd = fd;
	dir->next = 0;
	dir->used = dir->at = 0;
	dir->caches = dir->ended = false;
	pthread_mutex_init(&dir->lock, NULL);
	lock_take(&open_dirs.lock, LOCK_DIRECTORIES);
	list_push_first(&open_dirs.list, &dir->node);
	lock_drop(&open_dirs.lock, LOCK_DIRECTORIES);
	return dir;
}

void dir_free(struct dir *dir)
{
	lock_take(&open_dirs.lock, LOCK_DIRECTORIES);
	list_remove(&open_dirs.list, &dir->node);
	lock_drop(&open_dirs.lock, LOCK_DIRECTORIES);
	close(dir->fd);
	pthread_mutex_destroy(&dir->lock);
	free(dir);
}

void dir_free_all(void)
{
	while (open_dirs.list.first)
		dir_free(list_entry(open_dirs.list.first, struct dir, node));
}

struct dirent64 *dir_peek(struct dir *dir, int *r)
{
	ssize_t n;

	if (dir->at == dir->used) {
		n = getdents64(dir->fd, dir->buffer, sizeof(dir->buffer));
		dir->at = 0;
		dir->used = n > 0 ? (size_t)n : 0;
		if (n <= 0) {
			*r = n < 0 ? -errno : 0;
			return NULL;
		}
	}
	return (struct dirent64 *)(dir->buffer + dir->at);
}

int dir_seek(struct dir *dir, off_t offset)
{
	if (offset == dir->next && offset != 0)
		return 0;
	dir->at = dir->used = 0;
	dir->ended = false;
	dir->next = 0; /* if lseek() fails, the next call tries again */
	if (lseek(dir->fd, offset, SEEK_SET) < 0)
		return -errno;
	dir->next = offset;
	return 0;
}
