/*
 * direct_behind - keeps the book of behind.h for a handle's stream of writes, within the bound of all streams
 * together (behind_bound.h).
 *
 * A stream has windows of write_window bytes, halved down to 1 MiB while two of them are more than is free;
 * where not even these are, it waits for all that it wrote each time that it holds what is free. So the
 * streams together hold no more than the bound and the requests in flight.
 */
#pragma once

#include "backends/behind.h"
#include <stdbool.h>

struct backend_file;
struct backend_request;

/*
 * Notes a write that is done, of a file that is not to stay cached. True with what is to be done before it is
 * acknowledged, at a window that it filled; direct_behind_settled() follows. What an earlier stream left is
 * settled without anybody waiting.
 */
bool direct_behind_note(
	struct backend_file *file, const struct backend_request *request, struct behind_work *work);

/* The work is done: what it waited for is on the disk. */
void direct_behind_settled(struct backend_file *file, const struct behind_work *work);

/* A write through the page cache is on its way, with so many bytes, and no longer. */
void direct_behind_begin(struct backend_request *request, size_t size);
void direct_behind_end(struct backend_request *request);

/* The handle goes: what its stream left in the page cache is dropped once it is on the disk. */
void direct_behind_close(struct backend_file *file);
