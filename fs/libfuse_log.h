/*
 * libfuse_log - messages of libfuse. Before the mount they are kept as the reason for a failure, for the
 * daemon's own message; afterwards they go to the daemon's log.
 */
#pragma once

void libfuse_log_begin(void);
void libfuse_log_mounted(void);
/* The last message of libfuse before the mount; "" if there was none. */
const char *libfuse_log_reason(void);
