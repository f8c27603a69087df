/*
 * detect - tells from a handle's reads in which order they come.
 *
 * Pure: no I/O, no locks, no clock. Offsets and sizes in bytes.
 *
 * Forward and backward runs are counted by how far they move their front, so that reads that hop about in one
 * place never look like a stream; requests that overtake each other by a little still do. A constant distance
 * between reads that leaves most bytes out is a stride.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum detect_order {
	DETECT_NONE,
	DETECT_FORWARD,
	DETECT_BACKWARD,
	DETECT_STRIDED,
};

struct detect_limits {
	size_t after; /* a run of so many bytes is a stream */
	size_t gap;   /* a reader may skip so many and be in order */
};

struct detect {
	bool started;
	off_t last_offset;
	size_t last_size;
	off_t front;   /* highest end of the forward run */
	off_t back;    /* lowest start of the backward run */
	size_t ahead;  /* bytes that the forward run moved its front */
	size_t behind; /* the same backwards */
	int64_t stride;
	unsigned stride_count; /* reads in a row at this distance */
	unsigned in_order;     /* reads of late, both halved now and then */
	unsigned out_of_order;
};

/* The order that the reads up to and with this one show. */
enum detect_order detect_read(
	struct detect *detect, const struct detect_limits *limits, off_t offset, size_t size);

/* This read started a new run: it continued nothing. */
bool detect_jumped(const struct detect *detect);

/* Most of the reads of late continued nothing. */
bool detect_is_random(const struct detect *detect);
