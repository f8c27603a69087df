/*
 * direct_behind - keeps the book of behind.h for a handle's stream of writes to a large file.
 */
#pragma once

#include "backends/behind.h"
#include <stdbool.h>

struct backend_file;
struct backend_request;

/*
 * Notes a write that is done, of a file that is not to stay cached. True with what is to be done before it is
 * acknowledged, at a window that it filled. What an earlier stream left is settled without anybody waiting.
 */
bool direct_behind_note(
	struct backend_file *file, const struct backend_request *request, struct behind_work *work);

/* The handle goes: what its stream left in the page cache is dropped once it is on the disk. */
void direct_behind_close(struct backend_file *file);
