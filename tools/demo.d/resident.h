/*
 * resident - how much of a file the page cache holds.
 *
 * By cachestat(2) where the kernel has it (6.5), else by mincore(2) over a mapping.
 */
#pragma once

#include <stdint.h>

/* Bytes of the file that are resident; -errno when that can't be found out. */
int64_t resident_bytes(int fd);
