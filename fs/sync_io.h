/* sync_io - synchronous calls of a backend. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct backend_file;

/* As pread(2) and pwrite(2), but they return -errno. sync: 0, RWF_DSYNC or RWF_SYNC. around: as in struct
 * backend_request. */
ssize_t sync_read(struct backend_file *file, void *buf, size_t size, off_t offset);
ssize_t sync_write(
	struct backend_file *file, const void *buf, size_t size, off_t offset, int sync, bool around);
ssize_t sync_wrote(struct backend_file *file, size_t size, off_t offset);
