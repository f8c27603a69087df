/* fixture - a large file whose pages are in the page cache as a test wants them. */
#pragma once

#include <stdint.h>

struct large_file {
	int fd;
	char path[32];
};

/* A file in the working directory of so many pages, none of them in the page cache; sparse: without blocks.
 * Skips the program where the page cache can't be asked or does not drop pages. */
void large_file_make(struct large_file *file, uint64_t pages, int sparse);
void large_file_remove(struct large_file *file);

/* Reads these pages and no others. */
void large_file_read(const struct large_file *file, uint64_t from, uint64_t to);
void large_file_read_alone(const struct large_file *file, uint64_t page);
uint64_t large_file_resident(const struct large_file *file, uint64_t from, uint64_t to);

/*
 * Others may drop the whole machine's page cache meanwhile, and the kernel reclaims a few pages now and then.
 * A scenario that looks for pages that stayed is run again then: it leaves in outcome what it found.
 */
void run_undisturbed(void (*scenario)(void *outcome), void *outcome);
