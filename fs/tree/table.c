/* The table of inodes: one for each file that the kernel or the cache knows. */
#include <dirent.h>
#include <stdlib.h>

#include "cache/base/lock_order.h"
#include "fs/tree/tree_impl.h"

static guint inode_hash(gconstpointer p)
{
	return (guint)hash_mix64(((const struct inode *)p)->nodeid);
}

static gboolean inode_equal(gconstpointer a, gconstpointer b)
{
	return ((const struct inode *)a)->nodeid == ((const struct inode *)b)->nodeid;
}

static struct tree_shard *shard_of(struct tree *tree, uint64_t nodeid)
{
	return &tree->shards[hash_mix64(nodeid) >> 58];
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

struct inode *tree_inode_new(
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

void tree_inode_free_memory(struct inode *inode)
{
	if (inode && tree_is_named(inode))
		free((char *)inode - offsetof(struct named_inode, inode));
	else
		free(inode);
}

/* Returns the parent of its route or NULL; the caller takes over the reference. */
static struct inode *inode_free(struct tree *tree, struct inode *inode)
{
	struct inode *parent = NULL;

	descriptor_set_drop(&tree->fds, inode);
	if (tree_is_named(inode))
		parent = tree_route_free(*tree_route_of(inode));
	count_inode(tree, inode, -1);
	tree_inode_free_memory(inode);
	return parent;
}

/* Locks and returns the shard of the nodeid. *inode: the inode that has the nodeid, or NULL. */
static struct tree_shard *shard_lock(struct tree *tree, uint64_t nodeid, struct inode **inode)
{
	struct tree_shard *shard = shard_of(tree, nodeid);

	lock_take(&shard->lock, LOCK_SHARD);
	*inode = shard_find(shard, nodeid);
	return shard;
}

/* (named_lock) A removed file may still have the nodeid that the identity gives: then takes the next. */
static struct inode *named_add(struct tree *tree, const struct identity *id, uint32_t type)
{
	struct inode *inode = tree_inode_new(tree, id, tree_hash_identity(id), false, type), *other;
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
		lock_drop(&shard->lock, LOCK_SHARD);
	}
	g_hash_table_add(shard->inodes, inode);
	lock_drop(&shard->lock, LOCK_SHARD);
	g_hash_table_insert(tree->named, inode->handle, inode);
	return inode;
}

static struct inode *named_get(struct tree *tree, const struct identity *id, uint32_t type)
{
	struct inode *inode;

	lock_take(&tree->named_lock, LOCK_NAMED);
	inode = g_hash_table_lookup(tree->named, id->data);
	inode = inode ? tree_hold(tree, inode) : named_add(tree, id, type);
	lock_drop(&tree->named_lock, LOCK_NAMED);
	return inode;
}

void tree_named_remove(struct tree *tree, struct inode *inode)
{
	if (g_hash_table_lookup(tree->named, inode->handle) == inode)
		g_hash_table_remove(tree->named, inode->handle);
}

struct inode *tree_get(struct tree *tree, const struct identity *id, uint32_t type)
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
		lock_drop(&shard->lock, LOCK_SHARD); /* another file's nodeid: try the next */
		probed = true;
	}
	if (!inode) {
		inode = tree_inode_new(tree, id, nodeid, packed && !probed, type);
		if (inode)
			g_hash_table_add(shard->inodes, inode);
	} else if (inode->refs == 0) {
		g_queue_remove(&shard->forgotten, inode);
	}
	if (inode)
		inode->refs++;
	lock_drop(&shard->lock, LOCK_SHARD);
	return inode;
}

struct inode *tree_hold(struct tree *tree, struct inode *inode)
{
	struct tree_shard *shard = shard_of(tree, inode->nodeid);

	lock_take(&shard->lock, LOCK_SHARD);
	inode->refs++;
	lock_drop(&shard->lock, LOCK_SHARD);
	return inode;
}

/* Returns the inode if it left the table and is to be freed. */
static struct inode *drop_references(struct tree *tree, struct inode *inode, uint64_t count)
{
	struct tree_shard *shard = shard_of(tree, inode->nodeid);
	bool named = tree_is_named(inode);
	struct inode *gone = NULL;

	if (named)
		lock_take(&tree->named_lock, LOCK_NAMED);
	lock_take(&shard->lock, LOCK_SHARD);
	inode->refs -= MIN(count, inode->refs);
	if (inode->refs == 0) {
		/* a removed file is closed, not remembered: else its space would not be freed */
		if (inode->handle_bytes == 0 || named || descriptor_set_keeps(&tree->fds, inode)) {
			gone = inode;
		} else {
			g_queue_push_tail(&shard->forgotten, inode);
			if (shard->forgotten.length > TREE_FORGOTTEN_MAX / TREE_SHARDS)
				gone = g_queue_pop_head(&shard->forgotten);
		}
		if (gone)
			g_hash_table_remove(shard->inodes, gone);
	}
	lock_drop(&shard->lock, LOCK_SHARD);
	if (named && gone)
		tree_named_remove(tree, gone);
	if (named)
		lock_drop(&tree->named_lock, LOCK_NAMED);
	return gone;
}

void tree_put(struct tree *tree, struct inode *inode, uint64_t count)
{
	struct inode *gone;

	/* freeing an inode releases its parent, which may be freed in turn */
	for (; inode; count = 1) {
		gone = drop_references(tree, inode, count);
		inode = gone ? inode_free(tree, gone) : NULL;
	}
}

struct inode *tree_recall(struct tree *tree, uint64_t nodeid)
{
	struct tree_shard *shard = shard_of(tree, nodeid);
	struct inode *inode;

	lock_take(&shard->lock, LOCK_SHARD);
	inode = shard_find(shard, nodeid);
	if (inode && inode->refs++ == 0)
		g_queue_remove(&shard->forgotten, inode);
	lock_drop(&shard->lock, LOCK_SHARD);
	return inode;
}

struct inode *tree_find(struct tree *tree, uint64_t nodeid)
{
	struct tree_shard *shard;
	struct inode *inode;

	if (nodeid == 1)
		return tree->root;
	shard = shard_of(tree, nodeid);
	lock_take(&shard->lock, LOCK_SHARD);
	inode = shard_find(shard, nodeid);
	lock_drop(&shard->lock, LOCK_SHARD);
	return inode;
}

/* Visits without the shard's lock, which the visitor may need. */
void tree_each_slice(
	struct tree *tree, unsigned slice, void (*visit)(struct inode *inode, void *ctx), void *ctx)
{
	struct tree_shard *shard = &tree->shards[slice];
	g_autoptr(GPtrArray) inodes = g_ptr_array_new();
	GHashTableIter iter;
	gpointer inode;

	lock_take(&shard->lock, LOCK_SHARD);
	g_hash_table_iter_init(&iter, shard->inodes);
	while (g_hash_table_iter_next(&iter, &inode, NULL)) {
		if (!((struct inode *)inode)->object)
			continue;
		((struct inode *)inode)->refs++;
		g_ptr_array_add(inodes, inode);
	}
	lock_drop(&shard->lock, LOCK_SHARD);
	for (guint n = 0; n < inodes->len; n++) {
		visit(inodes->pdata[n], ctx);
		tree_put(tree, inodes->pdata[n], 1);
	}
}

void tree_each(struct tree *tree, void (*visit)(struct inode *inode, void *ctx), void *ctx)
{
	for (unsigned slice = 0; slice < TREE_SLICES; slice++)
		tree_each_slice(tree, slice, visit, ctx);
}

uint64_t tree_inode_count(struct tree *tree)
{
	return __atomic_load_n(&tree->count, __ATOMIC_RELAXED);
}

uint64_t tree_bytes(struct tree *tree)
{
	return __atomic_load_n(&tree->bytes, __ATOMIC_RELAXED);
}

void tree_table_init(struct tree *tree)
{
	pthread_mutex_init(&tree->named_lock, NULL);
	tree->named = g_hash_table_new(tree_named_id_hash, tree_named_id_equal);
	for (int i = 0; i < TREE_SHARDS; i++) {
		pthread_mutex_init(&tree->shards[i].lock, NULL);
		tree->shards[i].inodes = g_hash_table_new(inode_hash, inode_equal);
		g_queue_init(&tree->shards[i].forgotten);
	}
}

static void free_inode_at_exit(gpointer key, gpointer value, gpointer data)
{
	struct inode *inode = key;

	(void)value;
	(void)data;
	if (tree_is_named(inode))
		tree_route_free(*tree_route_of(inode));
	tree_inode_free_memory(inode);
}

void tree_table_free(struct tree *tree)
{
	g_hash_table_destroy(tree->named);
	for (int i = 0; i < TREE_SHARDS; i++) {
		g_queue_clear(&tree->shards[i].forgotten);
		g_hash_table_foreach(tree->shards[i].inodes, free_inode_at_exit, NULL);
		g_hash_table_destroy(tree->shards[i].inodes);
	}
}
