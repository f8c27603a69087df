/*
 * backend_file - a backend and its open files, as the parts see them that do its work: backend.c,
 * direct_read.c and direct_write.c. Included by these only.
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
	struct backend_settings settings; /* but for what follows */
	_Atomic off_t write_direct_from;
	struct backend_stats stats;
	struct engine *engine;
	struct buffers buffers;
	struct behind_bound written; /* through the page cache, by all streams */
	struct volumes volumes;
	struct nodes nodes;
	struct stream_host streams;
	struct fault_plan *faults; /* for tests: what goes wrong before the backend is asked; NULL: nothing */
	bool faulty_engine;        /* everything goes through the engine, which fails as planned */
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
	bool direct_refused;  /* the file can't be read around the page cache: all goes buffered */
	off_t kept_from;      /* buffered fallback: what a stream brought in from here on is still cached */
	struct stream stream;
	int sync_fd;          /* for write-back without O_DIRECT; -1 before its first use */
	struct behind behind; /* the stream of writes */
	struct behind_holder holder;
	uint64_t settling_dirty; /* bytes of it that somebody waits for */
};

/* Nothing goes around the page cache or is dropped from it. */
static inline bool backend_file_stays_cached(const struct backend_file *file)
{
	return file->volume->in_memory || file->buffered;
}

/* A descriptor of the same file with these open(2) flags, the caller's, or -errno. */
int backend_file_reopen(struct backend_file *file, int flags);

/* The O_DIRECT descriptor, opened now if need be, or -1 where there is none, or none at this moment. */
int backend_file_descriptor(struct backend_file *file);

/*
 * A descriptor to wait for write-back with: not the caller's, whose next fsync(2) must still find the error
 * that the wait would consume. -1 where there is none.
 */
int backend_file_sync_descriptor(struct backend_file *file);

/* So large, or by a write up to there, that it is written around the page cache or dropped behind. */
bool backend_file_is_large(const struct backend_file *file, off_t end);

/* The device refused the alignment or the flag: this handle goes buffered from now on, and the first file of
 * a volume that does is said. */
void backend_file_refuse(struct backend_file *file, int error);
