#include "fs/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/tree_impl.h"

#define STATX_WANTED (STATX_BASIC_STATS | STATX_BTIME)

/* --- the table -------------------------------------------------------------------------------- */

static guint inode_hash(gconstpointer p)
{
	return (guint)tree_mix64(((const struct inode *)p)->nodeid);
}

static gboolean inode_equal(gconstpointer a, gconstpointer b)
{
	return ((const struct inode *)a)->nodeid == ((const struct inode *)b)->nodeid;
}

static struct tree_shard *shard_of(struct tree *tree, uint64_t nodeid)
{
	return &tree->shards[tree_mix64(nodeid) >> 58];
}

static struct inode *shard_find(struct tree_shard *shard, uint64_t nodeid)
{
	struct inode key = {.nodeid = nodeid};

	return g_hash_table_lookup(shard->inodes, &key);
}

static void count_inode(struct tree *tree, const struct inode *inode, int by)
{
	size_t size = sizeof(*inode) + inode->handle_bytes;

	if (tree_is_named(inode))
		size += offsetof(struct named_inode, inode);
	__atomic_add_fetch(&tree->bytes, by * (int64_t)size, __ATOMIC_RELAXED);
	__atomic_add_fetch(&tree->count, by, __ATOMIC_RELAXED);
}

/* packed: the nodeid holds the handle. */
static struct inode *inode_new(
	struct tree *tree, const struct identity *id, uint64_t nodeid, bool packed, uint32_t type)
{
	unsigned bytes = packed ? 0 : id->bytes;
	size_t head = id->type == TREE_BY_NAME ? offsetof(struct named_inode, inode) : 0;
	char *memory = calloc(1, head + sizeof(struct inode) + bytes);
	struct inode *inode;

	if (!memory)
		return NULL;
	inode = (struct inode *)(memory + head);
	inode->nodeid = nodeid;
	inode->mount = id->mount;
	inode->fd_slot = -1;
	inode->type = IFTODT(type);
	inode->handle_type = (int16_t)id->type;
	inode->handle_bytes = (uint8_t)bytes;
	memcpy(inode->handle, id->data, bytes);
	count_inode(tree, inode, 1);
	return inode;
}

static void route_free(struct tree *tree, struct tree_route *route)
{
	if (!route)
		return;
	tree_put(tree, route->parent, 1);
	free(route->name);
	free(route);
}

static void inode_free_memory(struct inode *inode)
{
	if (inode && tree_is_named(inode))
		free((char *)inode - offsetof(struct named_inode, inode));
	else
		free(inode);
}

static void inode_free(struct tree *tree, struct inode *inode)
{
	tree_fd_drop(tree, inode);
	if (tree_is_named(inode))
		route_free(tree, *tree_route_of(inode));
	count_inode(tree, inode, -1);
	inode_free_memory(inode);
}

/* The shard of this nodeid, locked, and in *inode who has it. */
static struct tree_shard *shard_lock(struct tree *tree, uint64_t nodeid, struct inode **inode)
{
	struct tree_shard *shard = shard_of(tree, nodeid);

	pthread_mutex_lock(&shard->lock);
	*inode = shard_find(shard, nodeid);
	return shard;
}

/* (named_lock) One that is gone may still have the number that follows from the identity: then the next. */
static struct inode *named_add(struct tree *tree, const struct identity *id, uint32_t type)
{
	struct inode *inode = inode_new(tree, id, tree_hash_identity(id), false, type), *other;
	struct tree_shard *shard;

	if (!inode)
		return NULL;
	inode->refs = 1;
	for (;; inode->nodeid++) {
		if (inode->nodeid <= 1)
			continue;
		shard = shard_lock(tree, inode->nodeid, &other);
		if (!other)
			break;
		pthread_mutex_unlock(&shard->lock);
	}
	g_hash_table_add(shard->inodes, inode);
	pthread_mutex_unlock(&shard->lock);
	g_hash_table_insert(tree->named, inode->handle, inode);
	return inode;
}

static struct inode *named_get(struct tree *tree, const struct identity *id, uint32_t type)
{
	struct inode *inode;

	pthread_mutex_lock(&tree->named_lock);
	inode = g_hash_table_lookup(tree->named, id->data);
	inode = inode ? tree_hold(tree, inode) : named_add(tree, id, type);
	pthread_mutex_unlock(&tree->named_lock);
	return inode;
}

/* (named_lock) */
static void named_remove(struct tree *tree, struct inode *inode)
{
	if (g_hash_table_lookup(tree->named, inode->handle) == inode)
		g_hash_table_remove(tree->named, inode->handle);
}

/* Takes a reference on the inode of this identity, making it where it is new. */
static struct inode *table_get(struct tree *tree, const struct identity *id, uint32_t type)
{
	uint64_t nodeid;
	bool packed = tree_nodeid_pack(tree, id, &nodeid), probed = false;
	struct tree_shard *shard;
	struct inode *inode;

	if (id->type == TREE_BY_NAME)
		return named_get(tree, id, type);
	if (!packed)
		nodeid = tree_hash_identity(id);
	for (;; nodeid++) {
		if (nodeid <= 1)
			continue;
		shard = shard_lock(tree, nodeid, &inode);
		if (!inode || tree_is(inode, id))
			break;
		pthread_mutex_unlock(&shard->lock); /* another file's: the next number */
		probed = true;
	}
	if (!inode) {
		inode = inode_new(tree, id, nodeid, packed && !probed, type);
		if (inode)
			g_hash_table_add(shard->inodes, inode);
	} else if (inode->refs == 0) {
		g_queue_remove(&shard->forgotten, inode);
	}
	if (inode)
		inode->refs++;
	pthread_mutex_unlock(&shard->lock);
	return inode;
}

struct inode *tree_hold(struct tree *tree, struct inode *inode)
{
	struct tree_shard *shard = shard_of(tree, inode->nodeid);

	pthread_mutex_lock(&shard->lock);
	inode->refs++;
	pthread_mutex_unlock(&shard->lock);
	return inode;
}

void tree_put(struct tree *tree, struct inode *inode, uint64_t count)
{
	struct tree_shard *shard = shard_of(tree, inode->nodeid);
	bool named = tree_is_named(inode);
	struct inode *gone = NULL;

	if (named)
		pthread_mutex_lock(&tree->named_lock);
	pthread_mutex_lock(&shard->lock);
	inode->refs -= MIN(count, inode->refs);
	if (inode->refs == 0) {
		if (inode->handle_bytes == 0 || named) {
			gone = inode;
		} else {
			g_queue_push_tail(&shard->forgotten, inode);
			if (shard->forgotten.length > TREE_FORGOTTEN_MAX / TREE_SHARDS)
				gone = g_queue_pop_head(&shard->forgotten);
		}
		if (gone)
			g_hash_table_remove(shard->inodes, gone);
	}
	pthread_mutex_unlock(&shard->lock);
	if (named && gone)
		named_remove(tree, gone);
	if (named)
		pthread_mutex_unlock(&tree->named_lock);
	if (gone)
		inode_free(tree, gone);
}

struct inode *tree_find(struct tree *tree, uint64_t nodeid)
{
	struct tree_shard *shard;
	struct inode *inode;

	if (nodeid == 1)
		return tree->root;
	shard = shard_of(tree, nodeid);
	pthread_mutex_lock(&shard->lock);
	inode = shard_find(shard, nodeid);
	pthread_mutex_unlock(&shard->lock);
	return inode;
}

/* --- finding files ---------------------------------------------------------------------------- */

static int route_set(struct tree *tree, struct inode *inode, struct inode *parent, const char *name)
{
	struct tree_route *route = calloc(1, sizeof(*route));
	struct tree_route *old;

	if (!route)
		return -ENOMEM;
	route->name = strdup(name);
	if (!route->name) {
		free(route);
		return -ENOMEM;
	}
	route->parent = tree_hold(tree, parent);
	tree_lock_inode(tree, inode);
	old = *tree_route_of(inode);
	*tree_route_of(inode) = route;
	tree_unlock_inode(tree, inode);
	route_free(tree, old);
	return 0;
}

static bool route_is(struct tree *tree, struct inode *inode, const struct inode *parent, const char *name)
{
	const struct tree_route *route;
	bool is;

	tree_lock_inode(tree, inode);
	route = *tree_route_of(inode);
	is = route && route->parent == parent && strcmp(route->name, name) == 0;
	tree_unlock_inode(tree, inode);
	return is;
}

int tree_adopt(struct tree *tree, int fd, struct inode *parent, const char *name, struct inode **ret,
	struct statx *stx)
{
	struct identity id;
	struct inode *inode;
	int r;

	*ret = NULL;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, stx) < 0)
		return -errno;
	r = tree_identify(tree, fd, stx, parent, &id);
	if (r < 0)
		return r;
	if (tree->root && tree_is(tree->root, &id)) {
		*ret = tree_hold(tree, tree->root);
		return 0;
	}
	inode = table_get(tree, &id, stx->stx_mode);
	if (!inode)
		return -ENOMEM;
	if (id.type == TREE_BY_NAME && parent && name && !route_is(tree, inode, parent, name)) {
		r = route_set(tree, inode, parent, name);
		if (r < 0) {
			tree_put(tree, inode, 1);
			return r;
		}
	}
	*ret = inode;
	return 0;
}

int tree_lookup(
	struct tree *tree, struct inode *parent, const char *name, struct inode **ret, struct statx *stx)
{
	int parent_fd, fd, r;

	if (strcmp(name, ".") == 0 || (strcmp(name, "..") == 0 && parent == tree->root)) {
		r = tree_statx(tree, parent, stx);
		*ret = r < 0 ? NULL : tree_hold(tree, parent);
		return r;
	}
	parent_fd = tree_fd_get(tree, parent);
	if (parent_fd < 0)
		return parent_fd;
	fd = tree_open_child(tree, parent_fd, name);
	r = fd < 0 ? fd : 0;
	tree_fd_put(tree, parent);
	if (r < 0)
		return r;
	r = tree_adopt(tree, fd, parent, name, ret, stx);
	if (*ret)
		tree_fd_donate(tree, *ret, fd);
	else
		close(fd);
	return r;
}

int tree_lookup_nodeid(struct tree *tree, uint64_t nodeid, struct inode **ret, struct statx *stx)
{
	struct tree_shard *shard = shard_of(tree, nodeid);
	struct inode *inode;
	struct identity id;
	int fd, r;

	if (nodeid == 1) {
		*ret = tree_hold(tree, tree->root);
		return tree_statx(tree, tree->root, stx);
	}
	pthread_mutex_lock(&shard->lock);
	inode = shard_find(shard, nodeid);
	if (inode && inode->refs++ == 0)
		g_queue_remove(&shard->forgotten, inode);
	pthread_mutex_unlock(&shard->lock);
	if (!inode) {
		if (!tree_nodeid_unpack(nodeid, tree->root->mount, tree->packed_type, &id))
			return -ESTALE;
		inode = table_get(tree, &id, 0);
		if (!inode)
			return -ENOMEM;
	}
	fd = tree_reach(tree, inode, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? fd : 0;
	if (r == 0 && statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, stx) < 0)
		r = -errno;
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		tree_put(tree, inode, 1);
		return r;
	}
	inode->type = IFTODT(stx->stx_mode);
	tree_fd_donate(tree, inode, fd);
	*ret = inode;
	return 0;
}

void tree_after_unlink(struct tree *tree, struct inode *inode, bool done)
{
	if (!inode)
		return;
	if (done) {
		pthread_mutex_lock(&tree->named_lock);
		tree_named(inode)->gone = true;
		named_remove(tree, inode);
		pthread_mutex_unlock(&tree->named_lock);
	}
	tree_put(tree, inode, 1);
}

void tree_note_name(struct tree *tree, struct inode *parent, const char *name)
{
	struct inode *inode;
	struct statx stx;

	/* looking it up notes the way to it */
	if (!tree->by_handle && tree_lookup(tree, parent, name, &inode, &stx) == 0)
		tree_put(tree, inode, 1);
}

/* --- attributes ------------------------------------------------------------------------------- */

int tree_statx(struct tree *tree, struct inode *inode, struct statx *stx)
{
	int fd = tree_fd_get(tree, inode), r;

	if (fd < 0)
		return fd;
	r = statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, stx) < 0 ? -errno : 0;
	tree_fd_put(tree, inode);
	return tree_removed_below(r);
}

uint64_t tree_ino(const struct inode *inode, uint64_t ino)
{
	/* a file system below the root has numbers of its own; the mount's must be unique */
	return inode->mount->ino_mix ? tree_mix64(ino ^ inode->mount->ino_mix) : ino;
}

bool tree_has_fine_stamps(const struct inode *inode)
{
	return inode->mount->fine_stamps;
}

bool tree_close_is_silent(const struct inode *inode)
{
	return inode->mount->local;
}

static struct timespec to_timespec(struct statx_timestamp t)
{
	return (struct timespec){.tv_sec = t.tv_sec, .tv_nsec = t.tv_nsec};
}

bool tree_is_nosuid(const struct inode *inode)
{
	return inode->mount->nosuid;
}

void tree_present(const struct inode *inode, struct statx *stx)
{
	stx->stx_ino = tree_ino(inode, stx->stx_ino);
	if (inode->mount->nosuid && S_ISREG(stx->stx_mode))
		stx->stx_mode &= ~(S_ISUID | S_ISGID);
	if (inode->mount->nodev)
		stx->stx_rdev_major = stx->stx_rdev_minor = 0;
}

void tree_stat(const struct inode *inode, const struct statx *raw, struct stat *st)
{
	struct statx copy = *raw, *stx = &copy;

	tree_present(inode, stx);
	memset(st, 0, sizeof(*st));
	st->st_ino = stx->stx_ino;
	st->st_mode = stx->stx_mode;
	st->st_nlink = stx->stx_nlink;
	st->st_uid = stx->stx_uid;
	st->st_gid = stx->stx_gid;
	st->st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor);
	st->st_size = (off_t)stx->stx_size;
	st->st_blksize = stx->stx_blksize;
	st->st_blocks = (blkcnt_t)stx->stx_blocks;
	st->st_atim = to_timespec(stx->stx_atime);
	st->st_mtim = to_timespec(stx->stx_mtime);
	st->st_ctim = to_timespec(stx->stx_ctime);
}

/* --- life ------------------------------------------------------------------------------------- */

void tree_lock_inode(struct tree *tree, struct inode *inode)
{
	pthread_mutex_lock(&tree->inode_locks[tree_mix64(inode->nodeid) % TREE_INODE_LOCKS]);
}

void tree_unlock_inode(struct tree *tree, struct inode *inode)
{
	pthread_mutex_unlock(&tree->inode_locks[tree_mix64(inode->nodeid) % TREE_INODE_LOCKS]);
}

static int tree_start(struct tree *tree, int source_fd, unsigned fd_limit)
{
	struct statx stx;
	struct identity id;
	int r;

	tree->root_fd = source_fd;
	tree->proc_fd = open("/proc/self/fd", O_PATH | O_CLOEXEC | O_DIRECTORY);
	if (tree->proc_fd < 0)
		return -errno;
	r = tree_fds_init(tree, fd_limit);
	if (r < 0)
		return r;
	if (statx(source_fd, "", AT_EMPTY_PATH, STATX_WANTED, &stx) < 0)
		return -errno;
	r = tree_identify(tree, source_fd, &stx, NULL, &id);
	if (r < 0)
		return r;
	tree->by_handle = id.type != TREE_BY_NAME;
	if (id.type == HANDLE_INO32_GEN || id.type == XFS_HANDLE_INO64_GEN)
		tree->packed_type = id.type;
	tree->root = inode_new(tree, &id, 1, false, stx.stx_mode);
	if (!tree->root)
		return -ENOMEM;
	tree->root->refs = 2; /* the tree's own, and one that the kernel never gives back */
	return 0;
}

int tree_new(struct tree **ret, int source_fd, unsigned fd_limit)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	int r;

	if (!tree)
		return -ENOMEM;
	tree->proc_fd = tree->covered.fd = -1;
	pthread_mutex_init(&tree->mounts_lock, NULL);
	pthread_mutex_init(&tree->named_lock, NULL);
	tree->named = g_hash_table_new(tree_named_id_hash, tree_named_id_equal);
	for (int i = 0; i < TREE_SHARDS; i++) {
		pthread_mutex_init(&tree->shards[i].lock, NULL);
		tree->shards[i].inodes = g_hash_table_new(inode_hash, inode_equal);
		g_queue_init(&tree->shards[i].forgotten);
	}
	for (int i = 0; i < TREE_INODE_LOCKS; i++)
		pthread_mutex_init(&tree->inode_locks[i], NULL);
	r = tree_start(tree, source_fd, fd_limit);
	if (r < 0) {
		tree_free(tree);
		return r;
	}
	*ret = tree;
	return 0;
}

static void free_inode_at_exit(gpointer key, gpointer value, gpointer data)
{
	struct inode *inode = key;

	(void)value;
	(void)data;
	if (tree_is_named(inode) && *tree_route_of(inode)) {
		free((*tree_route_of(inode))->name);
		free(*tree_route_of(inode));
	}
	inode_free_memory(inode);
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	tree_fds_free(tree);
	g_hash_table_destroy(tree->named);
	for (int i = 0; i < TREE_SHARDS; i++) {
		g_queue_clear(&tree->shards[i].forgotten);
		g_hash_table_foreach(tree->shards[i].inodes, free_inode_at_exit, NULL);
		g_hash_table_destroy(tree->shards[i].inodes);
	}
	while (tree->mounts) {
		struct tree_mount *mount = tree->mounts;

		tree->mounts = mount->next;
		if (mount->fd >= 0)
			close(mount->fd);
		if (mount->quiet_fd >= 0)
			close(mount->quiet_fd);
		free(mount);
	}
	if (tree->proc_fd >= 0)
		close(tree->proc_fd);
	if (tree->root_fd >= 0)
		close(tree->root_fd);
	if (tree->covered.fd >= 0)
		close(tree->covered.fd);
	free(tree->covered.name);
	inode_free_memory(tree->root);
	free(tree);
}

struct inode *tree_root(struct tree *tree)
{
	return tree->root;
}

void tree_each(struct tree *tree, void (*visit)(struct inode *inode, void *ctx), void *ctx)
{
	/* not under the shard's lock, which the visitor may need */
	for (int i = 0; i < TREE_SHARDS; i++) {
		struct tree_shard *shard = &tree->shards[i];
		g_autoptr(GPtrArray) inodes = g_ptr_array_new();
		GHashTableIter iter;
		gpointer inode;

		pthread_mutex_lock(&shard->lock);
		g_hash_table_iter_init(&iter, shard->inodes);
		while (g_hash_table_iter_next(&iter, &inode, NULL)) {
			if (!((struct inode *)inode)->object)
				continue;
			((struct inode *)inode)->refs++;
			g_ptr_array_add(inodes, inode);
		}
		pthread_mutex_unlock(&shard->lock);
		for (guint n = 0; n < inodes->len; n++) {
			visit(inodes->pdata[n], ctx);
			tree_put(tree, inodes->pdata[n], 1);
		}
	}
}

uint64_t tree_inode_count(struct tree *tree)
{
	return __atomic_load_n(&tree->count, __ATOMIC_RELAXED);
}

uint64_t tree_bytes(struct tree *tree)
{
	return __atomic_load_n(&tree->bytes, __ATOMIC_RELAXED);
}

bool tree_has_handles(struct tree *tree)
{
	return tree->by_handle;
}
