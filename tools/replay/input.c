#include "tools/replay/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { RAW_BYTES = 256 << 10, PLAIN_BYTES = 1 << 20, LINE_MAX_BYTES = 4096 };

struct input {
	FILE *file;
	ZSTD_DStream *zstd; /* NULL for a plain file */
	bool in_frame;
	ZSTD_inBuffer raw;
	unsigned char *raw_bytes, *plain;
	size_t begin, end; /* what of plain is unread */
	char line[LINE_MAX_BYTES];
};

static int refill_raw(struct input *in)
{
	in->raw.size = fread(in->raw_bytes, 1, RAW_BYTES, in->file);
	in->raw.pos = 0;
	return in->raw.size ? 1 : ferror(in->file) ? -EIO : 0;
}

/* Adds plain bytes at end; returns 0 at the end of the file. */
static ssize_t refill_zstd(struct input *in)
{
	ZSTD_outBuffer out = {in->plain + in->end, PLAIN_BYTES - in->end, 0};

	while (!out.pos) {
		size_t left;
		int r = in->raw.pos < in->raw.size ? 1 : refill_raw(in);

		if (r < 0)
			return r;
		if (!r)
			return in->in_frame ? -EBADMSG : 0;
		left = ZSTD_decompressStream(in->zstd, &out, &in->raw);
		if (ZSTD_isError(left))
			return -EBADMSG;
		in->in_frame = left > 0;
	}
	return out.pos;
}

static ssize_t refill(struct input *in)
{
	ssize_t r;

	memmove(in->plain, in->plain + in->begin, in->end - in->begin);
	in->end -= in->begin;
	in->begin = 0;
	if (in->zstd) {
		r = refill_zstd(in);
	} else {
		r = fread(in->plain + in->end, 1, PLAIN_BYTES - in->end, in->file);
		if (!r && ferror(in->file))
			r = -EIO;
	}
	if (r > 0)
		in->end += r;
	return r;
}

ssize_t input_peek(struct input *in, const unsigned char **bytes, size_t size)
{
	while (in->end - in->begin < size) {
		ssize_t r = refill(in);

		if (r < 0)
			return r;
		if (!r)
			break;
	}
	*bytes = in->plain + in->begin;
	return in->end - in->begin < size ? in->end - in->begin : size;
}

ssize_t input_read(struct input *in, void *bytes, size_t size)
{
	const unsigned char *from;
	ssize_t n = input_peek(in, &from, size);

	if (n > 0) {
		memcpy(bytes, from, n);
		in->begin += n;
	}
	return n;
}

int input_line(struct input *in, char **line)
{
	const unsigned char *bytes, *end;
	ssize_t n = input_peek(in, &bytes, LINE_MAX_BYTES);
	size_t length;

	if (n <= 0)
		return n;
	end = memchr(bytes, '\n', n);
	if (!end && n == LINE_MAX_BYTES)
		return -E2BIG;
	length = end ? (size_t)(end - bytes) : (size_t)n;
	in->begin += length + !!end;
	if (length && bytes[length - 1] == '\r')
		length--;
	if (length == LINE_MAX_BYTES)
		return -E2BIG;
	memcpy(in->line, bytes, length);
	in->line[length] = '\0';
	*line = in->line;
	return 1;
}

static bool is_zstd(const struct input *in)
{
	return in->raw.size >= 4 && !memcmp(in->raw_bytes, "\x28\xb5\x2f\xfd", 4);
}

static int start(struct input *in)
{
	int r;

	in->raw_bytes = malloc(RAW_BYTES);
	in->plain = malloc(PLAIN_BYTES);
	if (!in->raw_bytes || !in->plain)
		return -ENOMEM;
	in->raw.src = in->raw_bytes;
	r = refill_raw(in);
	if (r < 0)
		return r;
	if (!is_zstd(in)) {
		memcpy(in->plain, in->raw_bytes, in->raw.size);
		in->end = in->raw.size;
		return 0;
	}
	in->zstd = ZSTD_createDStream();
	return in->zstd ? 0 : -ENOMEM;
}

int input_open(const char *path, struct input **input)
{
	struct input *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return -ENOMEM;
	in->file = fopen(path, "rbe");
	r = in->file ? start(in) : -errno;
	if (r < 0) {
		input_close(in);
		return r;
	}
	*input = in;
	return 0;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	if (in->file)
		fclose(in->file);
	ZSTD_freeDStream(in->zstd);
	free(in->raw_bytes);
	free(in->plain);
	free(in);
}
