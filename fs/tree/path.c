/* The path of a file below SOURCE, as far as the kernel knows it. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "fs/tree/tree.h"

bool tree_path(struct tree *tree, const char *source, struct inode *inode, char path[PATH_MAX])
{
	char link[TREE_PATH_SIZE], target[PATH_MAX];
	size_t prefix = strcmp(source, "/") == 0 ? 0 : strlen(source);
	ssize_t n = -1;
	int fd = tree_fd_get(tree, inode);

	if (fd >= 0) {
		tree_fd_path(fd, link);
		n = readlink(link, target, sizeof(target) - 1);
		tree_fd_put(tree, inode);
	}
	path[0] = '\0';
	if (n <= (ssize_t)prefix + 1 || strncmp(target, source, prefix) != 0 || target[prefix] != '/')
		return false;
	target[n] = '\0';
	strcpy(path, target + prefix);
	return true;
}

struct inode *tree_parent(struct tree *tree, const char *source, struct inode *inode)
{
	struct inode *dir, *below;
	char path[PATH_MAX], *name = path + 1, *slash;
	struct statx stx;
	int r = 0;

	if (!tree_path(tree, source, inode, path))
		return NULL;
	dir = tree_hold(tree, tree_root(tree));
	/* looked up name by name from the root: opening the path may lead into our own mount */
	for (; r == 0 && (slash = strchr(name, '/')); name = slash + 1) {
		*slash = '\0';
		r = tree_lookup(tree, dir, name, &below, &stx);
		tree_put(tree, dir, 1);
		dir = r == 0 ? below : NULL;
	}
	return dir;
}
