/*
 * content - the contents of files of the coherence tests: cells of 16 bytes with the numbers of file and
 * version and the offset, so that bytes of another version, file or place are recognised wherever they
 * appear.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct cell {
	uint32_t file, version;
	uint64_t offset; /* of the cell in the file, a multiple of its size */
};

/* The bytes [offset, offset + length) of a version. */
void content_fill(char *buffer, size_t length, uint64_t offset, uint32_t file, uint32_t version);

/*
 * Checks that the bytes belong to the expected version or, with or_newer, that each whole cell belongs to
 * that or a newer version. 0; or -1, and reason says what is wrong.
 */
int content_check(const char *buffer, size_t length, uint64_t offset, const struct cell *expected,
	int or_newer, char reason[160]);
