/* listen - reads a continuous reply. */
#pragma once

#include <sys/types.h>

/*
 * Waits until data has arrived on @control, a descriptor from sievefs_mount_listen(), and reads up to @size
 * bytes of it; 0 at the end, which is also the mount's. -EPIPE: the reader of @output (a descriptor, or -1)
 * is gone; -EINTR: a signal was handled; or another -errno.
 */
ssize_t listen_read(int control, int output, char *buffer, size_t size);
