/* copy_file_range(2): the backing file system copies, or shares blocks; the daemon moves no bytes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/backend.h"
#include "backends/resident.h"
#include "fs/copy.h"
#include "fs/durable.h"
#include "fs/op.h"
#include "fs/op_rights.h"
#include "fs/op_work.h"
#include "fs/ops.h"
#include "fs/sync_io.h"
#include "fs/users/creds.h"
#include "fs/users/space.h"

#define PAGE 4096
#define COPY_STEP (64 * 1024)
#define WINDOW_STEP (4 << 20) /* bytes of large files copied at a time: the most in the page cache */

struct range_copy {
	struct op_work work;
	struct handle *from, *to;
	off_t in, out;
	size_t length;
	struct creds_bits bits;
};

/* Reads the new bytes from the source file and writes them into the copy in the cache. */
static void follow_in_cache(
	struct server *server, struct object *object, const struct range_copy *copy, int from, ssize_t size)
{
	char *buf = malloc(COPY_STEP);
	off_t in = copy->in, out = copy->out;

	while (buf && size > 0) {
		ssize_t n = pread(from, buf, (size_t)MIN(size, COPY_STEP), in);

		if (n <= 0 || cache_write(server->cache, object, buf, (size_t)n, (uint64_t)out) < 0)
			break;
		in += n;
		out += n;
		size -= n;
	}
	if (size > 0)
		cache_damage(server->cache, object); /* served from the backing file from now on */
	free(buf);
}

static ssize_t copy_step(struct range_copy *copy, int from, int to, off_t in, off_t out, size_t size)
{
	bool as_user = space_begin(tree_space(copy->to->inode), fuse_req_ctx(copy->work.req)->uid, to, size);
	ssize_t n;

	creds_bits_begin(&copy->bits);
	n = copy_file_range(from, &in, to, &out, size, 0);
	n = n < 0 ? -errno : n;
	creds_bits_end(&copy->bits);
	space_end(as_user);
	return n;
}

/*
 * Whether the pages of the source are dropped afterwards: if most of them were not in the page cache before.
 * A copy_file_range(2) that continues the last one finds what the kernel has read ahead, so it does as that
 * one did.
 */
static bool is_passing(const struct range_copy *copy, int from)
{
	struct handle *handle = copy->from;
	off_t size = (off_t)copy->length;
	struct stat st;

	if (!handle->around || fstat(from, &st) < 0)
		return false;
	if (copy->in && atomic_load(&handle->passed_to) == copy->in)
		return true;
	size = MIN(size, st.st_size - copy->in);
	return size > 0 && (off_t)resident_pages(from, copy->in, (size_t)size) < size / PAGE / 2;
}

/* For large files, whose pages must not stay. */
static ssize_t copy_in_steps(struct server *server, struct range_copy *copy, int from, int to)
{
	struct backend_file *file;
	bool passing = is_passing(copy, from);
	size_t done = 0;
	int r = handle_bytes(server, copy->to, &file);

	if (r < 0)
		return r;
	while (done < copy->length) {
		size_t step = MIN(copy->length - done, WINDOW_STEP);
		off_t in = copy->in + (off_t)done, out = copy->out + (off_t)done;
		ssize_t n = copy_step(copy, from, to, in, out, step);

		if (n <= 0)
			return done ? (ssize_t)done : n;
		sync_wrote(file, (size_t)n, out);
		if (passing) {
			posix_fadvise(from, in, n, POSIX_FADV_DONTNEED);
			atomic_store(&copy->from->passed_to, in + n);
		}
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Returns bytes copied or -errno. */
static ssize_t copy_range(struct server *server, struct range_copy *copy)
{
	struct inode *inode = copy->to->inode;
	int from = handle_fd(server, copy->from), to = handle_fd(server, copy->to);
	struct object *object;
	bool fresh = false;
	ssize_t n;
	int r;

	if (from < 0 || to < 0)
		return from < 0 ? from : to;
	n = copy_before_reading(server, copy->from->inode);
	if (n < 0)
		return n;
	object = copy_change_begin(server, inode, &fresh);
	if (copy->to->around)
		n = copy_in_steps(server, copy, from, to);
	else
		n = copy_step(copy, from, to, copy->in, copy->out, copy->length);
	if (object && n > 0 && copy_can_follow(server, inode, object, fresh, (uint64_t)copy->out))
		follow_in_cache(server, object, copy, from, n);
	copy_change_end(server, inode, object, fresh);
	op_invalidate_readahead(server, copy->to);
	r = n > 0 ? durable_change(server, copy->to, to) : 0;
	return r < 0 ? r : n;
}

static void copy_range_run(struct op_work *op)
{
	struct range_copy *copy = (struct range_copy *)op;
	ssize_t n = copy_range(server_of(op->req), copy);

	if (n == -EAGAIN) {
		op_work_retry_after_lease(op, copy->from->inode->nodeid);
		return;
	}
	if (n < 0)
		op_reply(op->req, (int)n);
	else
		answer_write(op->req, (size_t)n);
	free(copy);
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t offset_in, struct fuse_file_info *info_in,
	fuse_ino_t ino_out, off_t offset_out, struct fuse_file_info *info_out, size_t size, int flags)
{
	struct range_copy *copy = malloc(sizeof(*copy));

	if (!copy) {
		op_reply(req, -ENOMEM);
		return;
	}
	*copy = (struct range_copy){
		.work = {.run = copy_range_run, .req = req},
		.from = handle_of(info_in),
		.to = handle_of(info_out),
		.in = offset_in,
		.out = offset_out,
		.length = MIN(size, 1UL << 30),
	};
	op_bits(req, copy->to->inode, OP_KILL_UNKNOWN, &copy->bits);
	op_work_run(&copy->work);
}
