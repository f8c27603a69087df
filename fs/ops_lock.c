/* Locks: byte ranges (fcntl) and whole files (flock). */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "fs/lock.h"
#include "fs/lock_ranges.h"
#include "fs/lock_wait.h"
#include "fs/op.h"
#include "fs/ops.h"

static struct lock_request range_request(const struct fuse_file_info *info, const struct flock *lock)
{
	return (struct lock_request){
		.handle = handle_of(info),
		.owner = info->lock_owner,
		.type = lock->l_type,
		.first = lock->l_start,
		.last = lock->l_len ? lock->l_start + lock->l_len - 1 : LOCK_RANGE_LAST,
		.pid = lock->l_pid,
	};
}

static void take(fuse_req_t req, const struct lock_request *request, bool wait)
{
	struct server *server = server_of(req);
	int r = lock_try(server->locks, request);

	if (r == -EAGAIN && (wait || lock_may_settle(server->locks, request))) {
		lock_wait(server->lock_waiting, req, request, wait);
		return;
	}
	if (r == -EAGAIN) /* the conflicting lock may have been dropped meanwhile */
		r = lock_try(server->locks, request);
	op_reply(req, r);
}

void op_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock)
{
	struct server *server = server_of(req);
	const struct lock_request request = range_request(info, lock);
	int r = lock_query(server->locks, &request, lock);

	(void)ino;
	if (r < 0)
		op_reply(req, r);
	else
		answer_lock(req, lock);
}

void op_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int sleep)
{
	const struct lock_request request = range_request(info, lock);

	(void)ino;
	take(req, &request, sleep);
}

void op_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int op)
{
	const struct lock_request request = {
		.handle = handle_of(info),
		.owner = info->fh,
		.is_flock = true,
		.type = op & LOCK_UN   ? F_UNLCK
			: op & LOCK_EX ? F_WRLCK
				       : F_RDLCK,
		.last = LOCK_RANGE_LAST,
	};

	(void)ino;
	take(req, &request, !(op & LOCK_NB));
}
