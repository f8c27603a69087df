/*
 * backend_file - the structs of a backend and its open files. Included only by the parts of the backend:
 * backend*.c and direct_*.c.
 */
#pragma once

#include "backends/backend_request.h"
#include "backends/backend_settings.h"
#include "backends/backend_stats.h"
#include "backends/behind.h"
#include "backends/behind_bound.h"
#include "backends/buffers.h"
#include "backends/node.h"
#include "backends/stream.h"
#include "backends/volume.h"

struct backend {
	struct backend_settings settings; /* as given; see write_direct_from and streams for what changes */
	_Atomic off_t write_direct_from;
	struct backend_stats stats;
	struct engine *engine;
	struct buffers buffers;
	struct behind_bound written; /* through the page cache, by all streams */
	struct volumes volumes;
	struct nodes nodes;
	struct stream_host streams;
	struct fault_plan *faults; /* for tests: faults of requests to the backend; NULL: none */
	bool faulty_engine;        /* for tests: all goes through the engine, which has faults as planned */
};

struct backend_file {
	struct backend *backend;
	struct volume *volume;
	struct volume_file facts;
	struct node *node;
	int fd;               /* the caller's, buffered */
	bool buffered;        /* all goes through the page cache and stays there */
	bool random_buffered; /* small reads out of order do */
	bool writes_wait;     /* for the disk */
	int (*reopen)(void *context, int flags);
	void *context;

	pthread_mutex_t lock; /* of what follows */
	int direct_fd;        /* O_DIRECT, opened at the first use; -1 before */
	bool direct_refused;  /* the file can't be read around the page cache: all goes through it */
	off_t kept_from;      /* without O_DIRECT: a stream's pages from here on are still cached */
	struct stream stream;
	int sync_fd;          /* for writeback without O_DIRECT; -1 before its first use */
	struct behind behind; /* the stream of writes */
	struct behind_holder holder;
	uint64_t settling_dirty; /* bytes of it whose writeback a request waits for */
};

/* Nothing goes around the page cache or is dropped from it. */
static inline bool backend_file_stays_cached(const struct backend_file *file)
{
	return file->volume->in_memory || file->buffered;
}

/* A new descriptor of the same file with these open(2) flags, which the caller closes, or -errno. */
int backend_file_reopen(struct backend_file *file, int flags);

/* The O_DIRECT descriptor, opened now if need be, or -1 where there is none, or none at this moment. */
int backend_file_descriptor(struct backend_file *file);

/*
 * A descriptor to wait for writeback with: not the caller's, since the wait would consume the error that its
 * next fsync(2) must report. -1: there is none.
 */
int backend_file_sync_descriptor(struct backend_file *file);

/* Whether the file is so large, or becomes so by a write that ends at end, that it is written around the page
 * cache or its pages are dropped behind the writer. */
bool backend_file_is_large(const struct backend_file *file, off_t end);

/* The device refused the alignment or the flag: this handle goes through the page cache from now on. The
 * first such file of a volume is logged. */
void backend_file_refuse(struct backend_file *file, int error);
