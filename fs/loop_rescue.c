/* Replies to requests whose operation is still in progress, or was never started. */
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "fs/loop_impl.h"
#include "fs/users/caller.h"

#define OVERDUE_US 1000000

/* --- answers in place of an operation -------------------------------------------------------------- */

/* Writes to /dev/fuse itself, since libfuse's request belongs to the operation. When the operation replies
 * later, the kernel rejects that: numbers of requests are never used again. */
static void answer_past(struct loop *loop, const void *answer, size_t size)
{
	ssize_t n = write(fuse_session_fd(loop->session), answer, size);

	(void)n; /* fails if it was answered meanwhile */
}

static void answer_killed(struct loop *loop, uint64_t unique)
{
	struct fuse_out_header out = {.len = sizeof(out), .error = -EINTR, .unique = unique};

	answer_past(loop, &out, sizeof(out));
}

/* umount(8) calls statfs(2) and stat(2) of the mount point. */
enum standing_kind loop_standing_of(const struct fuse_in_header *in)
{
	if (in->nodeid != FUSE_ROOT_ID)
		return STANDING_KINDS;
	return in->opcode == FUSE_STATFS    ? STANDING_STATFS
	       : in->opcode == FUSE_GETATTR ? STANDING_ATTR
					    : STANDING_KINDS;
}

/* (locked) */
void loop_answer_standing(struct loop *loop, enum standing_kind kind, uint64_t unique)
{
	struct standing *standing = &loop->standing[kind];

	standing->answer.head.unique = unique;
	answer_past(loop, &standing->answer, standing->answer.head.len);
}

/* (locked) */
static void note(struct standing *standing, size_t size)
{
	standing->answer.head =
		(struct fuse_out_header){.len = (uint32_t)(sizeof(struct fuse_out_header) + size)};
	standing->known = true;
}

void loop_note_statfs(struct loop *loop, const struct statvfs *fs)
{
	if (!loop)
		return;
	lock_take(&loop->lock, LOCK_LOOP);
	loop->standing[STANDING_STATFS].answer.statfs.st = (struct fuse_kstatfs){
		.blocks = fs->f_blocks,
		.bfree = fs->f_bfree,
		.bavail = fs->f_bavail,
		.files = fs->f_files,
		.ffree = fs->f_ffree,
		.bsize = (uint32_t)fs->f_bsize,
		.namelen = (uint32_t)fs->f_namemax,
		.frsize = (uint32_t)fs->f_frsize,
	};
	note(&loop->standing[STANDING_STATFS], sizeof(struct fuse_statfs_out));
	lock_drop(&loop->lock, LOCK_LOOP);
}

void loop_note_attr(struct loop *loop, const struct stat *st)
{
	if (!loop)
		return;
	lock_take(&loop->lock, LOCK_LOOP);
	loop->standing[STANDING_ATTR].answer.attr.attr = (struct fuse_attr){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = (uint64_t)st->st_atim.tv_sec,
		.mtime = (uint64_t)st->st_mtim.tv_sec,
		.ctime = (uint64_t)st->st_ctim.tv_sec,
		.atimensec = (uint32_t)st->st_atim.tv_nsec,
		.mtimensec = (uint32_t)st->st_mtim.tv_nsec,
		.ctimensec = (uint32_t)st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = (uint32_t)st->st_rdev,
		.blksize = (uint32_t)st->st_blksize,
	};
	note(&loop->standing[STANDING_ATTR], sizeof(struct fuse_attr_out));
	lock_drop(&loop->lock, LOCK_LOOP);
}

/* --- rescue -------------------------------------------------------------------------------------- */

/* (locked) Copies the requests that have waited for a second. */
static void find_overdue(const struct loop *loop, GArray *found)
{
	const int64_t before_us = clock_now_us() - OVERDUE_US;
	const struct aside *aside;

	for (unsigned i = 0; i < loop->thread_count; i++) {
		const struct worker *worker = &loop->workers[i];

		if (worker->request.unique && !worker->answered && worker->since_us <= before_us &&
			loop_may_let_go(&worker->request))
			g_array_append_val(found, worker->request);
	}
	list_for_each (aside, &loop->aside, node) {
		const struct fuse_in_header *in = (const struct fuse_in_header *)aside->bytes;

		if (aside->since_us <= before_us && loop_may_drop(in))
			g_array_append_vals(found, in, 1);
	}
}

/* (locked) Whether the request still waits. If so, its operation's own reply will be discarded. */
static bool let_go(struct loop *loop, const struct fuse_in_header *in)
{
	struct tree *tree = loop->settings.server->tree;
	enum standing_kind kind = loop_standing_of(in);
	struct aside *aside;

	for (unsigned i = 0; i < loop->thread_count; i++) {
		struct worker *worker = &loop->workers[i];

		if (worker->request.unique != in->unique)
			continue;
		worker->answered = true;
		worker->kept = in->nodeid == FUSE_ROOT_ID ? NULL : tree_recall(tree, in->nodeid);
		if (kind != STANDING_KINDS)
			loop->standing[kind].hanging++;
		return true;
	}
	list_for_each (aside, &loop->aside, node) {
		if (((const struct fuse_in_header *)aside->bytes)->unique != in->unique)
			continue;
		loop_take_out(loop, aside);
		free(aside);
		return true;
	}
	return false;
}

static void rescue(struct loop *loop, const struct fuse_in_header *in)
{
	bool killed = caller_is_killed((pid_t)in->pid);
	enum standing_kind kind = loop_standing_of(in);

	lock_take(&loop->lock, LOCK_LOOP);
	if (kind != STANDING_KINDS && loop->standing[kind].known) {
		if (let_go(loop, in))
			loop_answer_standing(loop, kind, in->unique);
	} else if (killed && let_go(loop, in)) {
		answer_killed(loop, in->unique);
	}
	lock_drop(&loop->lock, LOCK_LOOP);
}

void loop_rescue(struct loop *loop)
{
	g_autoptr(GArray) found = NULL;

	if (!loop)
		return;
	found = g_array_new(FALSE, FALSE, sizeof(struct fuse_in_header));
	lock_take(&loop->lock, LOCK_LOOP);
	find_overdue(loop, found);
	lock_drop(&loop->lock, LOCK_LOOP);
	for (unsigned i = 0; i < found->len; i++)
		rescue(loop, &g_array_index(found, struct fuse_in_header, i));
}
