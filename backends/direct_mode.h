/*
 * direct_mode - whether a stream of large aligned writes goes around the page cache or through a window
 * there.
 *
 * Around it, the writer waits for the device each time; through a window (behind.h) it does not, but every
 * byte is copied once more and its page allocated and dropped. Which is faster is measured for each volume
 * while streams run; all streams of a volume go the same way at a time, since they share its device
 * (stream_mode.h). Other large aligned writes go around the page cache: those that must be on the disk at
 * once, that continue no stream, or whose window would be no larger than a request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct backend_file;
struct backend_request;

/* Notes a write that could go around the page cache; call it once for each. True: it should go through the
 * window. */
bool direct_mode_is_window(struct backend_request *request, size_t size);
