/*
 * content - what files of the coherence tests hold: cells of 16 bytes that name file, version and offset, so
 * that bytes of another version, another file or another place are recognised wherever they turn up.
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
 * Whether those bytes are that version's, or with `or_newer` that of each whole cell or a newer one's. If
 * not, `reason` says what is there instead and -1 is returned.
 */
int content_check(const char *buffer, size_t length, uint64_t offset, const struct cell *expected,
	int or_newer, char reason[160]);
