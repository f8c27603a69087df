/*
 * direct_behind - the bookkeeping of behind.h for a handle's stream of writes, within the bound of all
 * streams together (behind_bound.h).
 *
 * A stream has windows of write_window bytes, halved down to 1 MiB while two of them are more than is free.
 * If not even two of these are free, it waits for all that it wrote each time that it holds as much as is
 * free. So the streams together hold no more than the bound and the requests in flight.
 */
#pragma once

#include "backends/behind.h"
#include <stdbool.h>

struct backend_file;
struct backend_request;

/*
 * Notes a write that is done, of a file whose pages are not to stay. True: it filled a window, and *work is
 * to be done before the write is acknowledged; direct_behind_settled() follows. What an earlier stream left
 * is settled in the background.
 */
bool direct_behind_note(
	struct backend_file *file, const struct backend_request *request, struct behind_work *work);

/* The work is done: what it waited for is on the disk. */
void direct_behind_settled(struct backend_file *file, const struct behind_work *work);

/* A write of size bytes through the page cache begins, or ends. */
void direct_behind_begin(struct backend_request *request, size_t size);
void direct_behind_end(struct backend_request *request);

/*
 * The handle is closed: pages that its stream left in the page cache are dropped once they are on the disk.
 */
void direct_behind_close(struct backend_file *file);
