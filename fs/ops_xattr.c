/* Extended attributes, ACLs among them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/xattr.h>

#include "fs/copy.h"
#include "fs/durable.h"
#include "fs/explain.h"
#include "fs/op.h"
#include "fs/op_rights.h"
#include "fs/ops.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

#define ACL "system.posix_acl_"
#define ACL_ACCESS ACL "access"
#define CAPABILITY "security.capability"
#define TRUSTED "trusted."

/* *xattr() calls work not on an O_PATH descriptor but on its link in /proc, for symbolic links as well. */
static int path_get(fuse_req_t req, struct inode *inode, char path[TREE_PATH_SIZE])
{
	int fd = tree_fd_get(server_of(req)->tree, inode);

	if (fd < 0)
		return fd;
	tree_fd_path(fd, path);
	return 0;
}

static void path_put(fuse_req_t req, struct inode *inode)
{
	tree_fd_put(server_of(req)->tree, inode);
}

/* Whether set-gid stays. An ACL contains the group's permissions: as with chmod, set-gid is cleared if the
 * caller is not in the group. */
static bool acl_keeps_sgid(fuse_req_t req, struct inode *inode, const char *name)
{
	struct statx stx;

	if (strcmp(name, ACL_ACCESS) != 0 || tree_statx(server_of(req)->tree, inode, &stx) < 0 ||
		!(stx.stx_mode & S_ISGID))
		return false;
	return fuse_req_ctx(req)->uid == 0 || op_caller_is_in_group(req, stx.stx_gid, false);
}

static bool is_acl(const char *name)
{
	return strncmp(name, ACL, strlen(ACL)) == 0;
}

struct xattr_change {
	const char *path, *name, *value; /* value NULL: remove the attribute */
	size_t size;
	int flags;
	struct creds_bits bits;
};

static int set_xattr(void *arg)
{
	const struct xattr_change *c = arg;
	int r;

	creds_bits_begin(&c->bits);
	r = c->value ? setxattr(c->path, c->name, c->value, c->size, c->flags)
		     : removexattr(c->path, c->name);
	r = r < 0 ? -errno : 0;
	creds_bits_end(&c->bits);
	return r;
}

static int set_xattr_in_space(fuse_req_t req, struct inode *inode, int fd, struct xattr_change *what)
{
	bool as_user = space_begin(tree_space(inode), fuse_req_ctx(req)->uid, fd, what->size);
	int r = set_xattr(what);

	space_end(as_user);
	return r;
}

static void change(fuse_req_t req, fuse_ino_t ino, struct xattr_change what)
{
	struct server *server = server_of(req);
	struct inode *inode = op_inode(req, ino);
	char path[TREE_PATH_SIZE];
	bool fresh;
	int fd, r;

	if (!inode)
		return;
	if (explain_is_xattr(what.name)) {
		op_reply(req, -EPERM);
		return;
	}
	fd = tree_fd_get(server->tree, inode);
	if (fd < 0) {
		op_reply(req, fd);
		return;
	}
	tree_fd_path(fd, path);
	what.path = path;
	what.bits.keep = what.value && acl_keeps_sgid(req, inode, what.name);
	fresh = copy_attributes_begin(server, inode);
	if (is_acl(what.name))
		r = op_as_owner(req, &(struct op_owned){.inode = inode,
					     .capability = CAP_FOWNER,
					     .gid = (gid_t)-1,
					     .change = set_xattr,
					     .arg = &what});
	else
		r = set_xattr_in_space(req, inode, fd, &what);
	copy_attributes_end(server, inode, fresh);
	path_put(req, inode);
	op_reply(req, r == 0 ? durable_inode(server, inode) : r);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	change(req, ino, (struct xattr_change){.name = name, .value = value, .size = size, .flags = flags});
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	change(req, ino, (struct xattr_change){.name = name});
}

/* Replies with the n bytes of buf, or only with n if the caller asked for the size. Frees buf. */
static void reply_read(fuse_req_t req, char *buf, size_t size, ssize_t n)
{
	if (n < 0)
		op_reply(req, (int)n);
	else if (size == 0)
		answer_xattr(req, (size_t)n);
	else
		answer_buf(req, buf, (size_t)n);
	free(buf);
}

static void reply_explanation(fuse_req_t req, struct inode *inode, const char *name, size_t size)
{
	g_autoptr(GString) text = g_string_new(NULL);
	int r = explain_xattr(server_of(req), inode, name, text);

	if (r < 0)
		op_reply(req, r);
	else if (size == 0)
		answer_xattr(req, text->len);
	else if (size < text->len)
		op_reply(req, -ERANGE);
	else
		answer_buf(req, text->str, text->len);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct inode *inode = op_inode(req, ino);
	char path[TREE_PATH_SIZE], *buf;
	ssize_t n;
	int r;

	if (!inode)
		return;
	if (tree_is_nosuid(inode) && strcmp(name, CAPABILITY) == 0) {
		op_reply(req, -ENODATA);
		return;
	}
	if (explain_is_xattr(name)) {
		reply_explanation(req, inode, name, size);
		return;
	}
	buf = size ? malloc(size) : NULL;
	r = size && !buf ? -ENOMEM : path_get(req, inode, path);
	n = r;
	if (r == 0) {
		n = getxattr(path, name, buf, size);
		n = n < 0 ? -errno : n;
		path_put(req, inode);
	}
	/* the kernel asks for the ACL in each permission check, which fails with any other error */
	if (n == -EOPNOTSUPP && is_acl(name))
		n = -ENODATA;
	reply_read(req, buf, size, n);
}

/* Only root may see the names of trusted attributes, but the daemon, as root, always gets them. */
static ssize_t hide_trusted(char *names, ssize_t size)
{
	char *out = names;

	for (char *in = names; in < names + size;) {
		size_t n = strlen(in) + 1;

		if (strncmp(in, TRUSTED, strlen(TRUSTED)) != 0) {
			memmove(out, in, n);
			out += n;
		}
		in += n;
	}
	return out - names;
}

static ssize_t list_names(const char *path, char **names, bool see_trusted)
{
	ssize_t size = listxattr(path, NULL, 0), n;

	if (size <= 0)
		return size < 0 ? -errno : 0;
	size += 256; /* an attribute may be added meanwhile */
	*names = malloc((size_t)size);
	if (!*names)
		return -ENOMEM;
	n = listxattr(path, *names, (size_t)size);
	if (n < 0)
		return -errno;
	return see_trusted ? n : hide_trusted(*names, n);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct inode *inode = op_inode(req, ino);
	char path[TREE_PATH_SIZE], *names = NULL;
	ssize_t n;
	int r;

	if (!inode)
		return;
	r = path_get(req, inode, path);
	n = r;
	if (r == 0) {
		n = list_names(path, &names, fuse_req_ctx(req)->uid == 0);
		path_put(req, inode);
	}
	if (n > 0 && size > 0 && (size_t)n > size)
		n = -ERANGE;
	reply_read(req, names, size, n);
}
