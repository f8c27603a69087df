/*
 * answer - replies to requests: wrappers of libfuse's fuse_reply_*() that also tell the observer.
 *
 * Each consumes the request and returns as libfuse's does: 0, or negative if the kernel did not accept the
 * reply. libfuse's functions are poisoned below, since a reply that bypasses the observer would leave its
 * request in flight there.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <errno.h>
#include <fuse_lowlevel.h>

#include "fs/observe.h"

/* error: 0 or an errno */
static inline int answer_err(fuse_req_t req, int error)
{
	observe_reply(req, -error);
	return fuse_reply_err(req, error);
}

static inline int answer_entry(fuse_req_t req, const struct fuse_entry_param *entry)
{
	observe_reply(req, 0);
	return fuse_reply_entry(req, entry);
}

/* There is no such name; the kernel may cache that for timeout_s. */
static inline int answer_missing(fuse_req_t req, double timeout_s)
{
	const struct fuse_entry_param entry = {.entry_timeout = timeout_s};

	observe_reply(req, -ENOENT);
	return timeout_s > 0 ? fuse_reply_entry(req, &entry) : fuse_reply_err(req, ENOENT);
}

static inline int answer_create(
	fuse_req_t req, const struct fuse_entry_param *entry, const struct fuse_file_info *info)
{
	observe_reply(req, 0);
	return fuse_reply_create(req, entry, info);
}

static inline int answer_attr(fuse_req_t req, const struct stat *attr, double timeout_s)
{
	observe_reply(req, 0);
	return fuse_reply_attr(req, attr, timeout_s);
}

static inline int answer_statx(fuse_req_t req, int flags, struct statx *stx, double timeout_s)
{
	observe_reply(req, 0);
	return fuse_reply_statx(req, flags, stx, timeout_s);
}

static inline int answer_readlink(fuse_req_t req, const char *target)
{
	observe_reply(req, 0);
	return fuse_reply_readlink(req, target);
}

static inline int answer_open(fuse_req_t req, const struct fuse_file_info *info)
{
	observe_reply(req, 0);
	return fuse_reply_open(req, info);
}

static inline int answer_write(fuse_req_t req, size_t count)
{
	observe_reply(req, (ssize_t)count);
	return fuse_reply_write(req, count);
}

static inline int answer_buf(fuse_req_t req, const char *buf, size_t size)
{
	observe_reply(req, (ssize_t)size);
	return fuse_reply_buf(req, buf, size);
}

static inline int answer_statfs(fuse_req_t req, const struct statvfs *fs)
{
	observe_reply(req, 0);
	return fuse_reply_statfs(req, fs);
}

static inline int answer_xattr(fuse_req_t req, size_t size)
{
	observe_reply(req, (ssize_t)size);
	return fuse_reply_xattr(req, size);
}

static inline int answer_lock(fuse_req_t req, const struct flock *lock)
{
	observe_reply(req, 0);
	return fuse_reply_lock(req, lock);
}

static inline int answer_ioctl(fuse_req_t req, int result, const void *buf, size_t size)
{
	observe_reply(req, result);
	return fuse_reply_ioctl(req, result, buf, size);
}

static inline int answer_lseek(fuse_req_t req, off_t offset)
{
	observe_reply(req, 0);
	return fuse_reply_lseek(req, offset);
}

#pragma GCC poison fuse_reply_err fuse_reply_entry fuse_reply_create fuse_reply_attr fuse_reply_statx
#pragma GCC poison fuse_reply_readlink fuse_reply_open fuse_reply_write fuse_reply_buf fuse_reply_data
#pragma GCC poison fuse_reply_iov fuse_reply_statfs fuse_reply_xattr fuse_reply_lock fuse_reply_ioctl
#pragma GCC poison fuse_reply_ioctl_retry fuse_reply_ioctl_iov fuse_reply_lseek
