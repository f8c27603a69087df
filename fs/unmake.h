/*
 * unmake - takes back the name that a request has made when the request fails after that, for want of
 * descriptors or memory. Whoever gets an error is not to find the file there.
 *
 * SOURCE may change meanwhile: only what is still there and the request's own is removed. Errors are not
 * reported, since the request has one already.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

/* Removes the name if it is that of the file which had these attributes, no directory, when it was made. */
void unmake_file(int dir_fd, const char *name, const struct statx *made);

/* The same for what has been made without a descriptor, and so is known by its type (S_IF*) and its owner
 * only: it must be empty and have no other name. */
void unmake_new(int dir_fd, const char *name, mode_t type, uid_t owner);
