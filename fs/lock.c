#include "fs/lock_impl.h"

#include <errno.h>
#include <sys/file.h>
#include <unistd.h>

#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include "fs/copy.h"

#define SETTLE_NS 100000000ll
#define SETTLE_STEP_NS 1000000ll
#define CLOSING_NS 500000000ll /* a handle flushed longer ago is not closing */
#define RETRY_OPEN_US 10000

static int apply(int fd, const struct lock_request *request, bool wait)
{
	static const int operations[] = {[F_RDLCK] = LOCK_SH, [F_WRLCK] = LOCK_EX, [F_UNLCK] = LOCK_UN};

	if (request->is_flock)
		return flock(fd, operations[request->type] | (wait ? 0 : LOCK_NB)) < 0 ? -errno : 0;
	return lock_set_range(
		fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, request->type, request->first, request->last);
}

static int reserve(struct lock_table *table, struct holder *holder)
{
	int r;

	lock_take(&table->lock, LOCK_HOLDERS);
	r = lock_ranges_reserve(&holder->ranges);
	lock_drop(&table->lock, LOCK_HOLDERS);
	return r;
}

static void record(struct lock_table *table, struct holder *holder, const struct lock_request *request)
{
	lock_take(&table->lock, LOCK_HOLDERS);
	lock_ranges_set(&holder->ranges, request->first, request->last, request->type);
	if (request->type != F_UNLCK) {
		holder->handle = request->handle;
		holder->pid = request->pid;
	}
	lock_drop(&table->lock, LOCK_HOLDERS);
}

/* flock(2) drops the old lock before it tries to convert it. */
static void record_refusal(
	struct lock_table *table, struct holder *holder, const struct lock_request *request)
{
	struct lock_request none = *request;

	none.type = F_UNLCK;
	if (request->is_flock)
		record(table, holder, &none);
}

static int holder_try(struct lock_table *table, struct holder *holder, const struct lock_request *request)
{
	int r;

	lock_take(&holder->lock, LOCK_HOLDER);
	r = reserve(table, holder);
	if (r == 0 && !request->is_flock && request->type == F_WRLCK && !holder->writable &&
		handle_may_write(request->handle))
		r = holder_make_writable(table, holder, request->handle);
	if (r == 0) {
		r = apply(holder->fd, request, false);
		if (r == 0)
			record(table, holder, request);
		else if (r == -EAGAIN)
			record_refusal(table, holder, request);
	}
	lock_drop(&holder->lock, LOCK_HOLDER);
	return r;
}

int lock_try(struct lock_table *table, const struct lock_request *request)
{
	struct holder *holder = holder_get(table, request);
	int r = 0;

	if (!holder && request->type == F_UNLCK)
		return 0;
	if (!holder)
		r = holder_make(table, request, &holder);
	if (r < 0)
		return r;
	r = holder_try(table, holder, request);
	holder_put(table, holder);
	if (r == 0 && request->type != F_UNLCK)
		copy_follow(table->server, request->handle->inode, request->handle->object);
	return r;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Waits on a duplicate, which stays open if the holder's descriptor is replaced: then -EAGAIN. */
static int holder_block(struct lock_table *table, struct holder *holder, const struct lock_request *request)
{
	unsigned generation;
	int fd, r;

	lock_take(&holder->lock, LOCK_HOLDER);
	generation = holder->generation;
	fd = fcntl(holder->fd, F_DUPFD_CLOEXEC, 0);
	r = fd < 0 ? -ENOLCK : 0;
	lock_drop(&holder->lock, LOCK_HOLDER);
	if (r < 0)
		return r;
	r = apply(fd, request, true);
	lock_take(&holder->lock, LOCK_HOLDER);
	if (r == 0 && generation != holder->generation)
		r = -EAGAIN;
	if (r == 0)
		record(table, holder, request);
	lock_drop(&holder->lock, LOCK_HOLDER);
	close(fd);
	return r;
}

int lock_block(struct lock_table *table, const struct lock_request *request, const atomic_bool *interrupted)
{
	int r = -EAGAIN;

	while (r == -EAGAIN || r == -EINTR) {
		struct holder *holder;

		if (atomic_load(interrupted))
			return -EINTR;
		r = lock_try(table, request);
		if (r != -EAGAIN)
			continue;
		holder = holder_get(table, request);
		if (!holder) { /* a lease in SOURCE prevents the open */
			usleep(RETRY_OPEN_US);
			continue;
		}
		r = holder_block(table, holder, request);
		holder_put(table, holder);
		if (r == 0)
			copy_follow(table->server, request->handle->inode, request->handle->object);
	}
	return r;
}

/* (table's lock) */
static bool is_closing(const struct handle *handle)
{
	return !handle || handle->closes_quietly ||
	       clock_now_ns() - atomic_load(&handle->flushed_ns) < CLOSING_NS;
}

bool lock_may_settle(struct lock_table *table, const struct lock_request *request)
{
	const struct inode *inode = request->handle->inode;
	bool found;

	lock_take(&table->lock, LOCK_HOLDERS);
	found = table->dropping;
	for (struct holder *holder = *lock_bucket(table, inode); holder && !found; holder = holder->next)
		found = holder->inode == inode && holder->is_flock == request->is_flock &&
			holder->owner != request->owner && holder->ranges.count && is_closing(holder->handle);
	lock_drop(&table->lock, LOCK_HOLDERS);
	return found;
}

static void wait_for_drop(struct lock_table *table, int64_t until_ns)
{
	const struct timespec until = clock_timespec(until_ns);

	lock_take(&table->lock, LOCK_HOLDERS);
	pthread_cond_timedwait(&table->dropped, &table->lock, &until);
	lock_drop(&table->lock, LOCK_HOLDERS);
}

int lock_settle(struct lock_table *table, const struct lock_request *request)
{
	int64_t end_ns = clock_now_ns() + SETTLE_NS;
	bool may;
	int r;

	do {
		wait_for_drop(table, clock_now_ns() + SETTLE_STEP_NS);
		may = lock_may_settle(table, request);
		r = lock_try(table, request);
	} while (r == -EAGAIN && may && clock_now_ns() < end_ns);
	return r;
}

/* --- queries ---------------------------------------------------------------------------------- */

static int query_fd(int fd, const struct lock_request *request, struct flock *lock)
{
	lock->l_type = request->type;
	lock->l_whence = SEEK_SET;
	lock->l_start = request->first;
	lock->l_len = request->last == LOCK_RANGE_LAST ? 0 : request->last - request->first + 1;
	lock->l_pid = 0;
	return fcntl(fd, F_OFD_GETLK, lock) < 0 ? -errno : 0;
}

/* (table's lock) The process that holds this lock through the mount; 0: none. */
static pid_t find_pid(struct lock_table *table, const struct lock_request *request, const struct flock *lock)
{
	int64_t last = lock->l_len ? lock->l_start + lock->l_len - 1 : LOCK_RANGE_LAST;

	for (struct holder *holder = *lock_bucket(table, request->handle->inode); holder;
		holder = holder->next) {
		const struct lock_range *range;

		if (holder->inode != request->handle->inode || holder->is_flock ||
			holder->owner == request->owner)
			continue;
		range = lock_ranges_conflict(&holder->ranges, lock->l_start, last, F_WRLCK);
		if (range && range->type == lock->l_type)
			return holder->pid;
	}
	return 0;
}

int lock_query(struct lock_table *table, const struct lock_request *request, struct flock *lock)
{
	struct holder *holder = holder_get(table, request);
	int fd, r;

	if (holder) {
		lock_take(&holder->lock, LOCK_HOLDER);
		r = query_fd(holder->fd, request, lock);
		lock_drop(&holder->lock, LOCK_HOLDER);
		holder_put(table, holder);
	} else {
		fd = handle_fd(table->server, request->handle);
		r = fd < 0 ? fd : query_fd(fd, request, lock);
	}
	if (r == 0 && lock->l_type != F_UNLCK && lock->l_pid < 0) {
		lock_take(&table->lock, LOCK_HOLDERS);
		lock->l_pid = find_pid(table, request, lock);
		lock_drop(&table->lock, LOCK_HOLDERS);
	}
	return r;
}

/* --- closing ---------------------------------------------------------------------------------- */

void lock_flush(struct lock_table *table, struct handle *handle, uint64_t owner)
{
	const struct lock_request request = {
		.handle = handle, .owner = owner, .type = F_UNLCK, .last = LOCK_RANGE_LAST};
	struct holder *holder;
	bool removed;

	if (!inode_is(handle->inode, INODE_LOCKED))
		return;
	atomic_store(&handle->flushed_ns, clock_now_ns());
	holder = holder_take(table, &request, &removed);
	if (!holder)
		return;
	if (removed) {
		holder_drop(table, holder);
		return;
	}
	lock_take(&holder->lock, LOCK_HOLDER);
	apply(holder->fd, &request, false);
	lock_drop(&holder->lock, LOCK_HOLDER);
	holder_put(table, holder);
}

void lock_release(struct lock_table *table, struct handle *handle)
{
	struct holder *holder;

	if (!inode_is(handle->inode, INODE_LOCKED))
		return;
	while ((holder = holder_take_closed(table, handle)))
		holder_drop(table, holder);
}
