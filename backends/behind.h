/*
 * behind - what is written back, awaited and dropped behind a stream of writes, so that the stream leaves no
 * more than a window in the page cache, and a writer that is faster than the disk is slowed.
 *
 * struct behind is bookkeeping without I/O, under its owner's lock. A behind_job carries out what it asks
 * for, by the engine, one operation after the other. Offsets and sizes are bytes.
 */
#pragma once

#include "backends/backend_stats.h"
#include "backends/engine.h"

struct behind_range {
	off_t from, to; /* empty where they are equal */
};

/* settled <= begun <= end */
struct behind {
	off_t settled;        /* written back and dropped up to here */
	off_t begun;          /* writeback was started up to here */
	off_t end;            /* where the stream goes on */
	uint64_t bytes;       /* of the stream */
	uint64_t fresh;       /* of them, since writeback was last started */
	bool begun_cached;    /* something of settled..begun went through the page cache */
	bool fresh_cached;    /* and of begun..end */
	uint64_t begun_dirty; /* dirty bytes of it that were not waited for yet */
	uint64_t fresh_dirty; /* no more than begun..end */
};

struct behind_work {
	struct behind_range begin;  /* writeback is to be started */
	struct behind_range settle; /* to be awaited, then dropped */
	uint64_t settle_dirty;      /* bytes of it that were dirty, and are clean then */
	bool keep;                  /* nothing is dropped */
};

/*
 * Notes a write; cached: it went through the page cache. Writes that arrive out of order, or leave gaps, by
 * less than a window, are one stream. If this write begins another stream, the range that the earlier one
 * left behind is returned, if that had at least a window: the owner settles it at any time, and no write
 * needs to wait for that.
 */
struct behind_range behind_note(struct behind *behind, off_t offset, size_t size, bool cached, size_t window);

/* Whether a write there goes on with the stream. */
bool behind_continues(const struct behind *behind, off_t offset, size_t window);

bool behind_is_full(const struct behind *behind, size_t window);

/* At a full window: starts its writeback, and waits for what was started before. */
struct behind_work behind_take(struct behind *behind, size_t window);

/* At any time: starts the writeback of all whole pages, and waits for it. */
struct behind_work behind_take_all(struct behind *behind);

/* Changes the work for a file whose pages stay: they are not waited for again, but are dropped if the file
 * becomes large. */
void behind_keep(struct behind *behind, struct behind_work *work);

/* Bytes that were written through the page cache and not waited for yet. */
uint64_t behind_dirty(const struct behind *behind);

/* The stream ends. Returns the range that it left behind; empty if it was shorter than a window. */
struct behind_range behind_end(struct behind *behind, size_t window);

struct behind_job {
	struct engine_op op;
	struct engine *engine;
	struct backend_stats *stats;
	int fd; /* open until done() */
	struct behind_work work;
	void (*done)(struct behind_job *job);
};

/* done() is called once, as an engine_op's. Errors of the writeback are not seen here: they are fsync's to
 * report, on the caller's descriptor, which must not be this one. */
void behind_run(struct behind_job *job);
