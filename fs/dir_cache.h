/*
 * dir_cache - which listings the kernel may cache, so that the next one makes no request for names.
 *
 * The kernel discards a listing when the directory is changed through the mount, or when its mtime is another
 * at the start of the next listing. A change made directly in SOURCE is seen by that only if it never leaves
 * the mtime as it was: on file systems with multigrain timestamps, unless a program sets the mtime back. So
 * on others no listing is cached; and each open compares mtime and ctime, which no program can set, with
 * those of the last open, and has the kernel discard what it has if they differ.
 */
#pragma once

#include "fs/answer.h"
#include "fs/server.h"

/* The directory was opened as fd: sets info's cache_readdir and keep_cache. */
void dir_cache_opened(fuse_req_t req, struct inode *dir, int fd, struct fuse_file_info *info);
/* A part of a listing that the kernel may cache is about to be replied. to_end: it says that there is no
 * more. */
void dir_cache_listed(struct inode *dir, bool to_end);
/* A file in dir was looked up. */
void dir_cache_asked(fuse_req_t req, struct inode *dir);
/* A later part of a listing is requested, and has names. */
void dir_cache_went_on(fuse_req_t req, struct inode *dir, bool with_attributes);
/* A name was left out of a listing, since its file could not be found: the next open discards the listing. */
void dir_cache_incomplete(struct inode *dir);
