#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/backend.h"
#include "cache/base/hash.h"
#include "cache/base/lock_order.h"
#include "fs/server.h"

int handle_fd(struct server *server, struct handle *handle)
{
	int fd = handle->fd, none = -1;

	if (fd >= 0)
		return fd;
	lock_may_take(LOCK_INODE); /* if descriptors run out, copies are evicted, which locks their inodes */
	fd = tree_open(server->tree, handle->inode, handle->open_flags & ~O_APPEND);
	if (fd == -EPERM && handle->open_flags & O_APPEND)
		fd = tree_open(server->tree, handle->inode, handle->open_flags);
	if (fd == -EMFILE && cache_yield_descriptors(server->cache) > 0)
		fd = tree_open(server->tree, handle->inode, handle->open_flags & ~O_APPEND);
	if (fd < 0)
		return fd;
	if (atomic_compare_exchange_strong(&handle->fd, &none, fd))
		return fd;
	close(fd); /* another thread was first */
	return none;
}

static int open_bytes(
	struct server *server, struct handle *handle, const struct statx *known, struct backend_file **ret)
{
	struct backend_file *file = handle->bytes, *none = NULL;
	bool around = handle->around && !handle->privileged_bits;
	struct backend_open how = {.known = known};
	int r;

	if (!file) {
		how.fd = handle_fd(server, handle);
		how.flags = (around ? 0 : BACKEND_BUFFERED) |
			    (handle->random_buffered ? BACKEND_RANDOM_BUFFERED : 0) |
			    /* O_SYNC has the bit of O_DSYNC too */
			    (handle->open_flags & O_DSYNC || handle->through ? BACKEND_WRITES_WAIT : 0);
		if (how.fd < 0)
			return how.fd;
		r = backend_open(server->backend, &how, &file);
		if (r < 0)
			return r;
		if (!atomic_compare_exchange_strong(&handle->bytes, &none, file)) {
			backend_close(file);
			file = none;
		}
	}
	*ret = file;
	return 0;
}

int handle_bytes(struct server *server, struct handle *handle, struct backend_file **ret)
{
	return open_bytes(server, handle, NULL, ret);
}

void handle_bytes_of_made(struct server *server, struct handle *handle, const struct statx *made)
{
	struct backend_file *file;

	(void)open_bytes(server, handle, made, &file); /* if it fails, the first request tries again */
}

void handle_list_init(struct handle_list *list)
{
	for (size_t i = 0; i < HANDLE_SHARDS; i++)
		pthread_mutex_init(&list->shards[i].lock, NULL);
}

struct handle *handle_list_any(const struct handle_list *list)
{
	for (size_t i = 0; i < HANDLE_SHARDS; i++)
		if (list->shards[i].open.first)
			return list_entry(list->shards[i].open.first, struct handle, node);
	return NULL;
}

static struct handle_shard *lock_shard(struct server *server, const struct inode *inode)
{
	struct handle_shard *shard = &server->handles.shards[hash_mix64(inode->nodeid) % HANDLE_SHARDS];

	lock_take(&shard->lock, LOCK_HANDLES);
	return shard;
}

void handle_register(struct server *server, struct handle *handle)
{
	struct handle_shard *shard = lock_shard(server, handle->inode);

	list_push_first(&shard->open, &handle->node);
	lock_drop(&shard->lock, LOCK_HANDLES);
}

static void unregister(struct server *server, struct handle *handle)
{
	struct handle_shard *shard = lock_shard(server, handle->inode);

	if (list_has(&shard->open, &handle->node))
		list_remove(&shard->open, &handle->node);
	lock_drop(&shard->lock, LOCK_HANDLES);
}

bool handle_is_executed(struct server *server, const struct inode *inode)
{
	struct handle_shard *shard = lock_shard(server, inode);
	const struct handle *handle;

	list_for_each (handle, &shard->open, node)
		if (handle->executes && handle->inode == inode)
			break;
	lock_drop(&shard->lock, LOCK_HANDLES);
	return handle != NULL;
}

void handle_hold(struct handle *handle)
{
	atomic_fetch_add(&handle->holders, 1);
}

void handle_free(struct server *server, struct handle *handle)
{
	unregister(server, handle);
	if (atomic_fetch_sub(&handle->holders, 1) > 0)
		return;
	if (handle->bytes)
		backend_close(handle->bytes);
	if (handle->object)
		cache_release(server->cache, handle->object);
	if (handle->fd >= 0 && (!handle->lent || tree_fd_take_back(server->tree, handle->inode, handle->fd)))
		close(handle->fd);
	tree_put(server->tree, handle->inode, 1);
	free(handle);
}
