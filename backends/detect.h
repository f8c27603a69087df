/*
 * detect - finds the order of a handle's reads.
 *
 * Pure: no I/O, no locks, no clock. Offsets and sizes in bytes.
 *
 * Forward and backward runs are measured by how far their front moves, so that reads that jump about in one
 * place never look like a stream, but requests that overtake each other by a little still do. A constant
 * distance between reads that leaves out most bytes is a stride.
 *
 * A read(2) larger than a FUSE request comes as several that follow one another: a record. When two in a row
 * were of one size, the next is taken to be of that size too, and to lie at the same distance if it starts
 * there.
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
	DETECT_STRIDED, /* in records: see detect->record */
};

struct detect_limits {
	size_t after; /* a run of so many bytes is a stream */
	size_t gap;   /* a reader may skip so many bytes and still be in order */
};

struct detect_record {
	off_t start;
	size_t size;
	int64_t stride; /* from its start to the next one's; 0 where that is not known */
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
	off_t start;           /* lowest start of the forward run */
	size_t first_size;     /* of its first read */
	bool repeats;          /* the two runs before it were of one size, and it starts as the last did */
	struct detect_record last;   /* the run before it; size 0 where that was a single read */
	struct detect_record record; /* what is being read, where the order is DETECT_STRIDED */
	unsigned in_order;           /* recent reads; both counts are halved now and then */
	unsigned out_of_order;
};

/* Adds a read. Returns the order of the reads so far. */
enum detect_order detect_read(
	struct detect *detect, const struct detect_limits *limits, off_t offset, size_t size);

/* The last read started a new run, since it did not continue the one before. */
bool detect_jumped(const struct detect *detect);

/* Most of the recent reads were out of order. */
bool detect_is_random(const struct detect *detect);
