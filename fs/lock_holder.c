#include "cache/base/lock_order.h"
#include "fs/lock_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

struct lock_table *lock_table_new(struct server *server)
{
	struct lock_table *table = calloc(1, sizeof(*table));
	pthread_condattr_t attr;

	if (!table)
		return NULL;
	table->server = server;
	pthread_mutex_init(&table->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&table->dropped, &attr);
	pthread_condattr_destroy(&attr);
	return table;
}

static void holder_free(struct holder *holder)
{
	close(holder->fd);
	lock_ranges_deinit(&holder->ranges);
	pthread_mutex_destroy(&holder->lock);
	free(holder);
}

void lock_table_free(struct lock_table *table)
{
	if (!table)
		return;
	for (struct holder **bucket = table->buckets; bucket < table->buckets + LOCK_BUCKETS; bucket++) {
		while (*bucket) {
			struct holder *holder = *bucket;

			*bucket = holder->next;
			holder_free(holder);
		}
	}
	pthread_cond_destroy(&table->dropped);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

/* --- the backing file's descriptions ---------------------------------------------------------- */

/*
 * Opens with no more access than the locks need: a writable descriptor breaks leases and makes execve(2)
 * fail.
 */
static int open_description(struct lock_table *table, struct handle *handle, bool write)
{
	struct tree *tree = table->server->tree;
	int flags = write ? O_RDWR : O_RDONLY;
	int fd = tree_open(tree, handle->inode, flags);

	if (fd == -EMFILE && cache_yield_descriptors(table->server->cache) > 0)
		fd = tree_open(tree, handle->inode, flags);
	if (fd == -EPERM && write) /* chattr +a */
		fd = tree_open(tree, handle->inode, flags | O_APPEND);
	if (fd == -EACCES)
		fd = tree_open(tree, handle->inode, handle->open_flags & O_ACCMODE);
	return fd;
}

int lock_set_range(int fd, int command, short type, int64_t first, int64_t last)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = first,
		.l_len = last == LOCK_RANGE_LAST ? 0 : last - first + 1,
	};

	return fcntl(fd, command, &lock) < 0 ? -errno : 0;
}

/* --- the table; its lock must be held when you call a function below this line, up to the next -- */

/* The link to the owner's holder. */
static struct holder **find_link(struct lock_table *table, const struct lock_request *request)
{
	struct holder **link = lock_bucket(table, request->handle->inode);

	while (*link && ((*link)->inode != request->handle->inode || (*link)->owner != request->owner ||
				(*link)->is_flock != request->is_flock))
		link = &(*link)->next;
	return link;
}

static struct holder *find(struct lock_table *table, const struct lock_request *request)
{
	return *find_link(table, request);
}

/* --- no lock is held from here on ------------------------------------------------------------- */

struct holder *holder_get(struct lock_table *table, const struct lock_request *request)
{
	struct holder *holder;

	lock_take(&table->lock, LOCK_HOLDERS);
	holder = find(table, request);
	if (holder)
		holder->users++;
	lock_drop(&table->lock, LOCK_HOLDERS);
	return holder;
}

void holder_put(struct lock_table *table, struct holder *holder)
{
	struct holder **link = lock_bucket(table, holder->inode);
	bool last;

	lock_take(&table->lock, LOCK_HOLDERS);
	last = --holder->users == 0 && !holder->handle;
	while (last && *link != holder)
		link = &(*link)->next;
	if (last)
		*link = holder->next;
	lock_drop(&table->lock, LOCK_HOLDERS);
	if (last)
		holder_free(holder);
}

/* Returns the owner's holder: own, or the one that another thread of the owner inserted first. */
static struct holder *insert(struct lock_table *table, const struct lock_request *request, struct holder *own)
{
	struct holder **bucket = lock_bucket(table, own->inode), *holder;

	lock_take(&table->lock, LOCK_HOLDERS);
	holder = find(table, request);
	if (!holder) {
		own->next = *bucket;
		*bucket = holder = own;
	}
	holder->users++;
	lock_drop(&table->lock, LOCK_HOLDERS);
	if (holder != own)
		holder_free(own);
	return holder;
}

static void set_locks_inside(struct tree *tree, struct inode *dir)
{
	if (!dir)
		return;
	tree_lock_inode(tree, dir);
	inode_set_mark(dir, INODE_LOCKS_INSIDE, true);
	tree_unlock_inode(tree, dir);
	tree_put(tree, dir, 1);
}

/*
 * A lock owner must see what other processes wrote under their locks: to the file, and to files in its
 * directory, such as a database's journal. From now on the kernel caches neither the file's attributes nor
 * those names.
 */
static void mark_locked(struct server *server, struct inode *inode)
{
	tree_lock_inode(server->tree, inode);
	inode_set_mark(inode, INODE_LOCKED, true);
	tree_unlock_inode(server->tree, inode);
	set_locks_inside(server->tree, tree_parent(server->tree, server->options.source, inode));
	/* attributes only: the kernel takes no lock for it that this request could hold */
	fuse_lowlevel_notify_inval_inode(server->session, inode->nodeid, -1, 0);
}

int holder_make(struct lock_table *table, const struct lock_request *request, struct holder **ret)
{
	struct holder *own = calloc(1, sizeof(*own));
	struct handle *handle = request->handle;

	if (!own)
		return -ENOLCK;
	own->writable = handle_may_write(handle);
	own->fd = open_description(table, handle, own->writable);
	if (own->fd < 0) {
		int r = own->fd;

		free(own);
		return r;
	}
	own->inode = handle->inode;
	own->owner = request->owner;
	own->is_flock = request->is_flock;
	own->handle = handle;
	pthread_mutex_init(&own->lock, NULL);
	if (!inode_is(handle->inode, INODE_LOCKED))
		mark_locked(table->server, handle->inode);
	*ret = insert(table, request, own);
	return 0;
}

struct holder *holder_take(struct lock_table *table, const struct lock_request *request, bool *removed)
{
	struct holder **link, *holder;

	lock_take(&table->lock, LOCK_HOLDERS);
	link = find_link(table, request);
	holder = *link;
	*removed = holder && holder->users == 0;
	if (*removed) {
		*link = holder->next;
		table->dropping++;
	} else if (holder) {
		holder->users++;
		holder->handle = NULL;
		lock_ranges_set(&holder->ranges, 0, LOCK_RANGE_LAST, F_UNLCK);
	}
	lock_drop(&table->lock, LOCK_HOLDERS);
	return holder;
}

struct holder *holder_take_closed(struct lock_table *table, const struct handle *handle)
{
	struct holder **link, *holder = NULL;

	lock_take(&table->lock, LOCK_HOLDERS);
	link = lock_bucket(table, handle->inode);
	while (*link && !holder) {
		if ((*link)->handle != handle) {
			link = &(*link)->next;
		} else if ((*link)->users) {
			(*link)->handle = NULL; /* its process is locking through another handle */
		} else {
			holder = *link;
			*link = holder->next;
			table->dropping++;
		}
	}
	lock_drop(&table->lock, LOCK_HOLDERS);
	return holder;
}

void holder_drop(struct lock_table *table, struct holder *holder)
{
	holder_free(holder);
	lock_take(&table->lock, LOCK_HOLDERS);
	table->dropping--;
	pthread_cond_broadcast(&table->dropped);
	lock_drop(&table->lock, LOCK_HOLDERS);
}

/*
 * The process holds locks through a read-only descriptor and now locks through a writable one. All locks so
 * far are read locks, so the new description takes them before the old one is closed: they never lapse.
 */
int holder_make_writable(struct lock_table *table, struct holder *holder, struct handle *handle)
{
	int fd = open_description(table, handle, true), r = fd < 0 ? fd : 0;
	struct lock_range *copy = NULL;
	unsigned count;

	if (r < 0)
		return r;
	lock_take(&table->lock, LOCK_HOLDERS);
	count = holder->ranges.count;
	if (count)
		copy = malloc(count * sizeof(*copy));
	if (copy)
		memcpy(copy, holder->ranges.items, count * sizeof(*copy));
	lock_drop(&table->lock, LOCK_HOLDERS);
	if (count && !copy)
		r = -ENOLCK;
	for (unsigned i = 0; r == 0 && i < count; i++)
		r = lock_set_range(fd, F_OFD_SETLK, F_RDLCK, copy[i].first, copy[i].last);
	free(copy);
	if (r < 0) {
		close(fd);
		return r;
	}
	close(holder->fd);
	holder->fd = fd;
	holder->generation++;
	holder->writable = true;
	return 0;
}
