#include "tests/distributed/content.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CELL sizeof(struct cell)

void content_fill(char *buffer, size_t length, uint64_t offset, uint32_t file, uint32_t version)
{
	while (length) {
		size_t within = offset % CELL, n = CELL - within < length ? CELL - within : length;
		struct cell cell = {.file = file, .version = version, .offset = offset - within};

		memcpy(buffer, (const char *)&cell + within, n);
		buffer += n;
		offset += n;
		length -= n;
	}
}

static int explain(const char *cell, size_t n, uint64_t offset, const struct cell *expected, char reason[160])
{
	struct cell found;

	if (n == CELL) {
		memcpy(&found, cell, CELL);
		snprintf(reason, 160,
			"at %" PRIu64 ": file %" PRIu32 " version %" PRIu32 " offset %" PRIu64
			" instead of version %" PRIu32,
			offset, found.file, found.version, found.offset, expected->version);
	} else {
		snprintf(reason, 160, "at %" PRIu64 ": %zu wrong bytes", offset, n);
	}
	return -1;
}

int content_check(const char *buffer, size_t length, uint64_t offset, const struct cell *expected,
	int or_newer, char reason[160])
{
	while (length) {
		size_t within = offset % CELL, n = CELL - within < length ? CELL - within : length;
		struct cell right = {
			.file = expected->file, .version = expected->version, .offset = offset - within};
		struct cell found;

		if (or_newer) {
			memcpy(&found, buffer, n == CELL ? CELL : 0);
			if (n == CELL && found.version > right.version)
				right.version = found.version;
		}
		if ((n == CELL || !or_newer) && memcmp(buffer, (const char *)&right + within, n))
			return explain(buffer, n, offset, expected, reason);
		buffer += n;
		offset += n;
		length -= n;
	}
	return 0;
}
