/*
 * stream_mode - whether streams on a volume are read or written through a window or straight.
 *
 * Pure: the caller passes the time and holds the lock. A window hides the latency of the device but copies
 * every byte once more; straight requests copy nothing but wait for the device each time. Which costs more
 * depends on the device, the request size and the load of the machine, so it is measured: streams report how
 * long an epoch in each mode took, the faster mode is chosen, and the other one is tried again now and then,
 * more and more rarely while it is slower.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stream_mode {
	STREAM_WINDOW, /* of readahead, or in the page cache behind a stream of writes */
	STREAM_STRAIGHT,
	STREAM_MODES,
};

enum {
	STREAM_CLASSES = 3, /* requests up to 128 KiB, up to 512 KiB, above */
};

/* Sizes in bytes. */
struct stream_mode_terms {
	uint64_t settling;     /* left out after a change of mode */
	uint64_t epoch;        /* measured before a report */
	uint64_t try_after;    /* until the other mode is tried again, at first */
	unsigned toll_divisor; /* the time of a window is increased by one part in so many, for its other
				  costs; 0: by nothing */
};

extern const struct stream_mode_terms stream_mode_of_reads, stream_mode_of_writes;

struct stream_mode_class {
	uint64_t ns_per_mib[STREAM_MODES]; /* 0: never measured */
	enum stream_mode mode;
	bool trying;        /* a stream is measuring the other mode */
	uint64_t since_try; /* bytes read since the other was tried */
	uint64_t try_after; /* bytes until it is tried again */
	const struct stream_mode_terms *terms;
};

struct stream_modes {
	const struct stream_mode_terms *terms;
	struct stream_mode_class classes[STREAM_CLASSES];
};

/* terms must outlive modes. */
void stream_mode_init(struct stream_modes *modes, const struct stream_mode_terms *terms);

struct stream_mode_class *stream_mode_class_of(struct stream_modes *modes, size_t request_size);

/* What one stream measures; zeroed before its first request. */
struct stream_mode_meter {
	struct stream_mode_class *class; /* NULL: none is measured */
	enum stream_mode mode;
	uint64_t epoch_bytes;
	uint64_t epoch_ns; /* when the epoch began, after settling; 0 while settling */
	uint64_t last_ns;
};

/* A request of a stream, in bytes. Returns the mode for it. */
enum stream_mode stream_mode_note(
	struct stream_modes *modes, struct stream_mode_meter *meter, size_t request_size, uint64_t now_ns);

/* The stream ended. */
void stream_mode_end(struct stream_mode_meter *meter);

/* The mode for a stream that starts. */
enum stream_mode stream_mode_start(const struct stream_mode_class *class);

/* An epoch of a stream in this mode took elapsed_ns. Returns the mode for its next epoch. */
enum stream_mode stream_mode_report(
	struct stream_mode_class *class, enum stream_mode mode, uint64_t bytes, uint64_t elapsed_ns);

/* A stream ended before its epoch did. */
void stream_mode_abandon(struct stream_mode_class *class, enum stream_mode mode);
