#include "fs/tree/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cache/base/lock_order.h"
#include "fs/tree/tree_impl.h"

/* stx: with STATX_WANTED. */
static int adopt(struct tree *tree, int fd, struct inode *parent, const char *name, struct inode **ret,
	const struct statx *stx)
{
	struct identity id;
	struct inode *inode;
	int r = tree_identify(tree, fd, stx, parent, &id);

	if (r < 0)
		return r;
	if (tree->root && tree_is(tree->root, &id)) {
		*ret = tree_hold(tree, tree->root);
		return 0;
	}
	inode = tree_get(tree, &id, stx->stx_mode);
	if (!inode)
		return -ENOMEM;
	if (id.type == TREE_BY_NAME && parent && name) {
		r = tree_route_set(tree, tree_route_of(inode), parent, name);
		if (r < 0) {
			tree_put(tree, inode, 1);
			return r;
		}
	}
	if (parent && name && id.mount != parent->mount && id.mount != tree->root->mount) {
		/* remember where it is mounted; if that fails, the next lookup tries again */
		(void)tree_route_set(tree, &id.mount->route, parent, name);
	}
	*ret = inode;
	return 0;
}

int tree_adopt(struct tree *tree, int fd, struct inode *parent, const char *name, struct inode **ret,
	struct statx *stx)
{
	*ret = NULL;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_OF_MADE, stx) < 0)
		return -errno;
	return adopt(tree, fd, parent, name, ret, stx);
}

int tree_adopt_link(struct tree *tree, struct inode *inode, int fd, struct inode *parent, const char *name,
	struct inode **ret, struct statx *stx)
{
	*ret = NULL;
	if (tree_is_named(inode))
		return tree_adopt(tree, fd, parent, name, ret, stx);
	if (statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, stx) < 0)
		return -errno;
	*ret = tree_hold(tree, inode);
	return 0;
}

/*
 * Whether the name leads through a bind mount of the same file system (perhaps idmapped or read-only). A file
 * has one inode under all of its names, so it gets the rights and owners of one mount: that through which it
 * is reached by handle.
 */
static bool is_bound_there(const struct inode *inode, const struct statx *stx)
{
	return !tree_is_named(inode) && inode->mount->has_handles &&
	       inode->mount->mount_id != stx->stx_mnt_id;
}

static int leave_bind(struct tree *tree, struct inode **inode, struct statx *stx)
{
	int r = tree_statx(tree, *inode, stx);

	if (r < 0) {
		tree_put(tree, *inode, 1);
		*inode = NULL;
	}
	return r;
}

/* A local file system has no server to ask: what this machine knows is complete. */
static bool is_all_known(const struct inode *parent, const struct statx *stx)
{
	return parent->mount->local && makedev(stx->stx_dev_major, stx->stx_dev_minor) == parent->mount->dev;
}

int tree_lookup(
	struct tree *tree, struct inode *parent, const char *name, struct inode **ret, struct statx *stx)
{
	int parent_fd, fd, r;

	*ret = NULL;
	if (strcmp(name, ".") == 0 || (strcmp(name, "..") == 0 && parent == tree->root)) {
		r = tree_statx(tree, parent, stx);
		*ret = r < 0 ? NULL : tree_hold(tree, parent);
		return r;
	}
	r = tree_automount(tree, parent);
	if (r < 0)
		return r;
	parent_fd = tree_fd_get(tree, parent);
	if (parent_fd < 0)
		return parent_fd;
	fd = tree_open_child(tree, parent_fd, name, 0, parent->mount->local ? STATX_WANTED : 0, stx);
	r = fd < 0 ? fd : 0;
	tree_fd_put(tree, parent);
	if (r < 0)
		return r;
	if (!is_all_known(parent, stx) && statx(fd, "", AT_EMPTY_PATH, STATX_WANTED, stx) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	/* ".." must not become a route: it would lead in a circle */
	r = adopt(tree, fd, parent, strcmp(name, "..") == 0 ? NULL : name, ret, stx);
	if (*ret && !is_bound_there(*ret, stx)) {
		tree_fd_donate(tree, *ret, fd);
		return r;
	}
	close(fd);
	return *ret ? leave_bind(tree, ret, stx) : r;
}

void tree_renew_name(struct tree *tree, struct inode *parent, const char *name)
{
	int fd;

	if (parent->mount->local)
		return;
	fd = tree_fd_get(tree, parent);
	if (fd < 0)
		return;
	tree_ask_name(tree, fd, name);
	tree_fd_put(tree, parent);
}

int tree_lookup_nodeid(struct tree *tree, uint64_t nodeid, struct inode **ret, struct statx *stx)
{
	struct inode *inode;
	struct identity id;
	int fd, r;

	if (nodeid == 1) {
		*ret = tree_hold(tree, tree->root);
		return tree_statx(tree, tree->root, stx);
	}
	inode = tree_recall(tree, nodeid);
	if (!inode) {
		if (!tree_nodeid_unpack(nodeid, tree->root->mount, tree->packed_type, &id))
			return -ESTALE;
		inode = tree_get(tree, &id, 0);
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

/* Whether only the inode number identifies the file: the next holder of the number would be taken for it. */
static bool is_told_by_number(const struct inode *inode)
{
	struct tree_named_id id;

	if (!tree_is_named(inode))
		return false;
	memcpy(&id, inode->handle, sizeof(id));
	return id.birth_ns == 0;
}

/* Keeps a descriptor, so that a file without a name stays reachable while the kernel knows it. */
static void keep_reachable(struct tree *tree, struct inode *inode)
{
	if (inode == tree->root || tree_fd_get(tree, inode) < 0)
		return;
	descriptor_set_keep(&tree->fds, inode);
	descriptor_set_put(&tree->fds, inode, false);
}

void tree_before_unlink(
	struct tree *tree, struct inode *parent, const char *name, struct tree_leaving *leaving)
{
	struct inode *inode = NULL;
	struct statx stx;

	*leaving = (struct tree_leaving){0};
	tree_lookup(tree, parent, name, &inode, &stx);
	if (!inode)
		return;
	leaving->inode = inode;
	leaving->last = stx.stx_nlink < 2 || S_ISDIR(stx.stx_mode);
	/* a process may have it mapped, open with O_PATH, or as its working directory */
	if (inode->refs > 1 && (leaving->last || tree_is_named(inode)))
		keep_reachable(tree, inode);
}

void tree_after_unlink(struct tree *tree, const struct tree_leaving *leaving, bool done)
{
	struct inode *inode = leaving->inode;

	if (!inode)
		return;
	if (done && leaving->last && is_told_by_number(inode)) {
		lock_take(&tree->named_lock, LOCK_NAMED);
		tree_named(inode)->gone = true;
		tree_named_remove(tree, inode);
		lock_drop(&tree->named_lock, LOCK_NAMED);
	}
	tree_put(tree, inode, 1);
}

void tree_note_name(struct tree *tree, struct inode *parent, const char *name)
{
	struct inode *inode;
	struct statx stx;

	/* the lookup sets the route */
	if (!tree->by_handle && tree_lookup(tree, parent, name, &inode, &stx) == 0)
		tree_put(tree, inode, 1);
}

/* --- life ------------------------------------------------------------------------------------- */

void tree_lock_inode(struct tree *tree, struct inode *inode)
{
	lock_take(&tree->inode_locks[hash_mix64(inode->nodeid) % TREE_INODE_LOCKS], LOCK_INODE);
}

bool tree_lock_inode_if_free(struct tree *tree, struct inode *inode)
{
	return lock_take_if_free(
		&tree->inode_locks[hash_mix64(inode->nodeid) % TREE_INODE_LOCKS], LOCK_INODE);
}

void tree_unlock_inode(struct tree *tree, struct inode *inode)
{
	lock_drop(&tree->inode_locks[hash_mix64(inode->nodeid) % TREE_INODE_LOCKS], LOCK_INODE);
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
	r = descriptor_set_init(&tree->fds, fd_limit);
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
	tree->root = tree_inode_new(tree, &id, 1, false, stx.stx_mode);
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
	pthread_mutex_init(&tree->routes_lock, NULL);
	tree_table_init(tree);
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

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	descriptor_set_free(&tree->fds);
	tree_table_free(tree);
	tree_mounts_free(tree);
	if (tree->proc_fd >= 0)
		close(tree->proc_fd);
	if (tree->root_fd >= 0)
		close(tree->root_fd);
	if (tree->covered.fd >= 0)
		close(tree->covered.fd);
	free(tree->covered.name);
	tree_inode_free_memory(tree->root);
	free(tree);
}

struct inode *tree_root(struct tree *tree)
{
	return tree->root;
}

void tree_keep_no_descriptors(struct tree *tree)
{
	tree->keeps_none = true;
}

bool tree_has_handles(struct tree *tree)
{
	return tree->by_handle;
}
