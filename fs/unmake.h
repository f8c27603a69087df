/*
 * unmake - removes a name that a request has created if the request fails afterwards, for lack of descriptors
 * or memory: a caller that gets an error must not find the file.
 *
 * SOURCE may change meanwhile, so the name is removed only if it still leads to the file that the request
 * created. Errors are not reported, since the request has one already.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

/* Removes the name if it leads to the file that had these attributes when it was created. Not for
 * directories. */
void unmake_file(int dir_fd, const char *name, const struct statx *made);

/* The same for a file or directory that was created without a descriptor and is known only by its type
 * (S_IF*) and owner: it must also be empty and have no other name. */
void unmake_new(int dir_fd, const char *name, mode_t type, uid_t owner);
