/*
 * resident - what the page cache already holds of a file.
 *
 * By cachestat(2), Linux 6.5; without it the answer is "nothing", which is slower, never wrong. A probe by
 * RWF_NOWAIT alone is no substitute: it starts the kernel's readahead of what is missing.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Pages of the range that the page cache holds; 0 also where the kernel can't or won't tell. */
uint64_t resident_pages(int fd, off_t offset, size_t size);

/* pread(2) of what is resident: the bytes before the first page that isn't, or -EAGAIN when that is the
 * first. */
ssize_t resident_read(int fd, void *buf, size_t size, off_t offset);
