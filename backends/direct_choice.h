/*
 * direct_choice - whether a stream of large aligned writes goes around the page cache or through a window
 * there.
 *
 * Around it, the writer waits for the device each time; through a window (behind.h) it does not, but every
 * byte is copied once more and its page made and dropped. Which is faster is measured while streams run, for
 * each volume, whose streams travel in one way at a time since they share its device (choice.h). Whatever
 * else asks for the device goes around: writes that are to be on the disk at once, that continue no stream,
 * or whose window would be no more than a request.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct backend_file;
struct backend_request;

/* Notes a write that could go around the page cache, once; true if it had better not. */
bool direct_choice_is_window(struct backend_request *request, size_t size);
