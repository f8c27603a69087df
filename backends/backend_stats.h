/*
 * backend_stats - what a backend counted since it was made.
 *
 * Relaxed atomics: each is exact by itself, but no two are from the same instant. The list below makes the
 * struct and backend_stats_each(), so that code that prints them needs no list of its own.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define BACKEND_STATS(COUNTER) \
	COUNTER(opens, "handles opened") \
	COUNTER(reads, "read requests") \
	COUNTER(read_bytes, "bytes that reads returned") \
	COUNTER(resident_reads, "reads answered from the page cache") \
	COUNTER(resident_bytes, "bytes of reads answered from the page cache") \
	COUNTER(straight_reads, "device reads straight into the caller's buffer") \
	COUNTER(straight_bytes, "bytes of device reads straight into the caller's buffer") \
	COUNTER(bounce_reads, "device reads through an aligned buffer, for unaligned requests") \
	COUNTER(buffered_reads, "reads through the page cache") \
	COUNTER(buffered_bytes, "bytes of reads through the page cache") \
	COUNTER(readahead_bytes, "bytes read ahead") \
	COUNTER(readahead_used_bytes, "bytes read ahead that programs then read") \
	COUNTER(readahead_wasted_bytes, "bytes read ahead that were discarded unread") \
	COUNTER(readahead_shared_bytes, "bytes that were read ahead for one handle and read by another") \
	COUNTER(readahead_stale, "chunks discarded since the file had changed") \
	COUNTER(streams, "streams detected") \
	COUNTER(window_opened, "times that a stream changed to its window") \
	COUNTER(window_shut, "times that a stream changed to straight reads") \
	COUNTER(writes, "write requests") \
	COUNTER(write_bytes, "bytes written") \
	COUNTER(direct_writes, "writes around the page cache") \
	COUNTER(direct_write_bytes, "bytes of writes around the page cache") \
	COUNTER(buffered_writes, "writes through the page cache") \
	COUNTER(window_writes, "large writes through the page cache that could have gone around it") \
	COUNTER(write_memory, "bytes of streams of writes in the page cache and not yet on the disk") \
	COUNTER(dropped_bytes, "bytes dropped from the page cache behind streams") \
	COUNTER(fallback_files, "handles on file systems without O_DIRECT") \
	COUNTER(fallback_requests, "requests that had to go through the page cache instead of around it") \
	COUNTER(retries, "device requests that were continued or repeated") \
	COUNTER(errors, "requests that ended in an error") \
	COUNTER(memory, "bytes of buffers in use now") \
	COUNTER(memory_max, "most bytes that buffers may take") \
	COUNTER(memory_refused, "times that no buffer was free, since memory was at its bound")
/* clang-format on */

struct backend_stats {
#define COUNTER(name, help) atomic_uint_least64_t name;
	BACKEND_STATS(COUNTER)
#undef COUNTER
};

static inline void backend_count(atomic_uint_least64_t *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static inline uint64_t backend_counted(const atomic_uint_least64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Calls back once per counter, in the order above. */
void backend_stats_each(const struct backend_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context);
