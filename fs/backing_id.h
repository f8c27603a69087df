/*
 * backing_id - binds an open file to a file that the kernel reads and writes by itself (FUSE passthrough,
 * Linux 6.9).
 *
 * libfuse's calls report no errno and log by themselves, hence these.
 */
#pragma once

#include <stdint.h>

struct fuse_session;

/* Registers the file that fd is open on; the descriptor may be closed afterwards. Returns an id > 0 or
 * -errno. */
int32_t backing_id_open(struct fuse_session *session, int fd);

/* Takes ids <= 0 and does nothing. */
void backing_id_close(struct fuse_session *session, int32_t id);
