/*
 * direct_read - reads a backend's file around the page cache, or through it where that was asked for or is
 * better.
 */
#pragma once

struct backend_request;

void direct_read(struct backend_request *request);

/* Goes on with a read that had waited for readahead. */
void direct_read_resume(struct backend_request *request);
