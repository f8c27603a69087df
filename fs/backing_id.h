/*
 * backing_id - registers backing files, which the kernel then reads and writes by itself (FUSE passthrough,
 * Linux 6.9).
 *
 * Used instead of libfuse's calls, which report no errno and write to the log.
 */
#pragma once

#include <stdint.h>

struct fuse_session;

/* Registers the file that fd is open on; the descriptor may be closed afterwards. Returns an id > 0 or
 * -errno. */
int32_t backing_id_open(struct fuse_session *session, int fd);

/* Unregisters the file. Ids <= 0 are accepted and ignored. */
void backing_id_close(struct fuse_session *session, int32_t id);
