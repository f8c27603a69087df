/*
 * payload - the buffer of a request over io_uring, lent to I/O that may outlast the request.
 *
 * The buffer belongs to libfuse's ring and serves the next request as soon as this one is answered, while a
 * hanging disk may still write into it later. So its memory is shared and mapped twice, and I/O uses the
 * second mapping. If a request must be answered before its I/O has ended, fresh memory is mapped in place of
 * the buffer, and late bytes go to the old memory, which is not read any more.
 *
 * The mappings are kept in one process-wide set. They last as long as their ring.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

struct payload {
	char *buf; /* the request's buffer; NULL: none */
	char *io;  /* the same bytes, for the I/O; equal to buf if there is no second mapping */
	size_t size;
};

/* Fills in payload for a request whose reply has up to `size` bytes. */
void payload_borrow(fuse_req_t req, size_t size, struct payload *payload);

/* Maps fresh memory in place of the request's buffer, so that the request can be answered. The old memory
 * receives what the I/O still delivers, until payload_abandoned(). No-op without a buffer. 0, or -errno with
 * nothing changed; -ENOTSUP if there is no second mapping. */
int payload_replace(const struct payload *payload);
/* The I/O on a replaced buffer has ended. */
void payload_abandoned(const struct payload *payload);

/* Forgets all mappings. At the end of the mount, when the rings are gone. */
void payload_forget_all(void);
