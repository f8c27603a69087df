#include "tools/replay/trace_reader.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_BYTES = 24, LOOK_BYTES = 4096, MAGIC_BYTES = 8 };

__attribute__((format(printf, 2, 3))) static int complain(
	struct trace_reader *reader, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->wrong, sizeof(reader->wrong), format, args);
	va_end(args);
	return -EINVAL;
}

/* 1: bytes has a whole record; 0: the end; or -errno. */
static int read_record(struct trace_reader *reader, unsigned char bytes[RECORD_BYTES])
{
	ssize_t n = input_read(reader->input, bytes, RECORD_BYTES);

	if (n < 0)
		return n;
	if (n && n < RECORD_BYTES)
		return complain(reader, "is cut off after %zd of %d bytes", n, RECORD_BYTES);
	return n > 0;
}

static int next_oracle(struct trace_reader *reader, struct trace_event_read *read)
{
	unsigned char bytes[RECORD_BYTES];
	uint32_t size;
	int64_t next;
	int r = read_record(reader, bytes);

	if (r <= 0)
		return r;
	memcpy(&read->id, bytes + 4, sizeof(read->id));
	memcpy(&size, bytes + 12, sizeof(size));
	memcpy(&next, bytes + 16, sizeof(next));
	next = le64toh(next);
	if (next < -2) /* -1: never again; -2: not known */
		return complain(reader, "says that its next open is %" PRId64 ": not oracleGeneral?", next);
	read->id = le64toh(read->id);
	read->size = le32toh(size);
	read->event = TRACE_OPEN;
	return 1;
}

static int next_own(struct trace_reader *reader, struct trace_event_read *read)
{
	struct trace_record record;
	uint64_t size_and_event, time_us;
	int r = read_record(reader, (unsigned char *)&record);

	if (r <= 0)
		return r;
	size_and_event = le64toh(record.size_and_event);
	time_us = le64toh(record.time_us);
	if ((size_and_event & 0xff) > TRACE_REMOVE)
		return complain(reader, "has the unknown event %" PRIu64, size_and_event & 0xff);
	if (time_us < reader->last_time_us)
		return complain(reader, "is older than the one before it");
	reader->last_time_us = time_us;
	read->id = le64toh(record.id);
	read->size = size_and_event >> 8;
	read->event = size_and_event & 0xff;
	return 1;
}

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	for (end = text + strlen(text); end > text && isspace((unsigned char)end[-1]);)
		*--end = '\0';
	return text;
}

static int parse_number(struct trace_reader *reader, const char *what, char *text, uint64_t *number)
{
	char *end;

	text = trim(text);
	errno = 0;
	*number = strtoull(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	if (!isdigit((unsigned char)*text) || *end || errno)
		return complain(reader, "has the %s '%.40s', which is not a whole number from 0 to 2^64-1",
			what, text);
	return 0;
}

static int parse_time(struct trace_reader *reader, char *text)
{
	char *end;

	text = trim(text);
	strtod(text, &end);
	return *text && !*end ? 0 : complain(reader, "has the time '%.40s', which is not a number", text);
}

static int parse_line(struct trace_reader *reader, char *line, struct trace_event_read *read)
{
	char *fields[3];
	int count = 0, r;

	for (char *rest = line, *field; (field = strsep(&rest, ",")); count++)
		if (count < 3)
			fields[count] = field;
	if (count != 3)
		return complain(reader, "has %d fields instead of time,id,size", count);
	r = parse_time(reader, fields[0]);
	if (!r)
		r = parse_number(reader, "id", fields[1], &read->id);
	if (!r)
		r = parse_number(reader, "size", fields[2], &read->size);
	read->event = TRACE_OPEN;
	return r < 0 ? r : 1;
}

static bool is_heading(const struct trace_reader *reader, const char *line)
{
	return reader->line_count == 1 && isalpha((unsigned char)*line);
}

static int next_csv(struct trace_reader *reader, struct trace_event_read *read)
{
	char *line;
	int r;

	while ((r = input_line(reader->input, &line)) > 0) {
		reader->line_count++;
		line = trim(line);
		if (*line && *line != '#' && !is_heading(reader, line))
			return parse_line(reader, line, read);
	}
	return r == -E2BIG ? complain(reader, "is too long for a line") : r;
}

static bool is_text(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!isprint(bytes[i]) && !isspace(bytes[i]))
			return false;
	return true;
}

int trace_reader_init(struct trace_reader *reader, struct input *input)
{
	const unsigned char *bytes;
	char magic[MAGIC_BYTES];
	ssize_t n;

	*reader = (struct trace_reader){.input = input, .next = next_oracle};
	n = input_peek(input, &bytes, LOOK_BYTES);
	if (n < 0)
		return n;
	if (n >= MAGIC_BYTES && !memcmp(bytes, TRACE_MAGIC, MAGIC_BYTES)) {
		reader->next = next_own;
		input_read(input, magic, MAGIC_BYTES);
	} else if (is_text(bytes, n)) {
		reader->next = next_csv;
	}
	return 0;
}

int trace_reader_next(struct trace_reader *reader, struct trace_event_read *read)
{
	int r = reader->next(reader, read);

	if (r == -EBADMSG)
		complain(reader, "can't be read: the zstd stream is damaged or cut off");
	else if (r < 0 && r != -EINVAL)
		complain(reader, "can't be read: %s", strerror(-r));
	else if (r > 0)
		reader->record_count++;
	return r;
}
