/*
 * trace_reader - the records of a trace file one by one, whatever its format.
 */
#pragma once

#include "cache/base/trace_format.h"
#include "tools/replay/input.h"

struct trace_event_read {
	uint64_t id, size;
	enum trace_event event;
};

struct trace_reader {
	struct input *input;
	int (*next)(struct trace_reader *reader, struct trace_event_read *read);
	uint64_t record_count; /* read so far */
	uint64_t line_count;   /* CSV only */
	uint64_t last_time_us;
	char wrong[200]; /* after an error: what is wrong with the next record */
};

/* Looks at the first bytes for the format. Borrows the input. */
int trace_reader_init(struct trace_reader *reader, struct input *input);

/* 1: one event; 0: the end; negative errno: wrong says why. */
int trace_reader_next(struct trace_reader *reader, struct trace_event_read *read);
