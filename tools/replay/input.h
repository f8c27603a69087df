/*
 * input - reads a trace file, plain or zstd, as a stream: a trace may be larger than memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct input;

/* Negative errno when the file cannot be opened or there is no memory. */
int input_open(const char *path, struct input **input);
void input_close(struct input *in); /* accepts NULL */

/* Up to size of the next bytes, not consumed; fewer only at the end. Negative errno as from input_read(). */
ssize_t input_peek(struct input *in, const unsigned char **bytes, size_t size);

/* Reads size bytes, fewer only at the end. -EBADMSG: the zstd stream is damaged or cut off. */
ssize_t input_read(struct input *in, void *bytes, size_t size);

/* One line without its end, NUL-terminated, valid until the next call. 1 for a line, 0 at the end; -E2BIG:
 * too long. */
int input_line(struct input *in, char **line);
