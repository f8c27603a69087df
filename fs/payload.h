/*
 * payload - the buffer of a request over io_uring, borrowed in such a way that it can be taken back.
 *
 * The buffer belongs to libfuse's ring and serves the next request as soon as this one was answered. A disk
 * that does not answer may write into it at any time. So its memory is made shared and mapped a second time:
 * I/O goes by the second address, and where the request must be answered before its I/O has ended, fresh
 * memory takes the buffer's place and the late bytes land in what nobody reads.
 *
 * Works with buffers of one process-wide set, which live as long as their ring.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

struct payload {
	char *buf; /* the request's; NULL: it has none */
	char *io;  /* the same bytes for the I/O; buf itself where there is no second mapping */
	size_t size;
};

/* For a request that awaits an answer of `size` bytes. */
void payload_borrow(fuse_req_t req, size_t size, struct payload *payload);

/* Fresh memory for the request, which may be answered then; until payload_abandoned() the old one takes what
 * the I/O brings. 0, or -errno: nothing was changed;
 * -ENOTSUP where there is no second mapping. Nothing is done where there is no buffer. */
int payload_replace(const struct payload *payload);
/* The I/O on what was replaced has ended. */
void payload_abandoned(const struct payload *payload);

/* At the very end: the rings are gone. */
void payload_forget_all(void);
