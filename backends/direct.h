/*
 * direct - what the parts of the backend share: direct.c opens and closes, direct_read.c reads,
 * direct_write.c writes. Included by these only.
 */
#pragma once

#include "backends/backend_impl.h"
#include "backends/behind.h"
#include "backends/buffers.h"
#include "backends/node.h"
#include "backends/stream.h"
#include "backends/volume.h"

struct direct {
	struct backend backend;
	struct backend_settings settings;
	struct backend_stats stats;
	struct engine *engine;
	struct buffers buffers;
	struct volumes volumes;
	struct nodes nodes;
	struct window_host windows;
	struct detect_limits limits;
	bool faulty_engine; /* for tests: everything goes through the engine, which fails as planned */
};

struct direct_file {
	struct backend_file file;
	struct direct *direct;
	struct volume *volume;
	struct volume_file facts;
	struct node *node;
	int fd;         /* the caller's, buffered */
	unsigned flags; /* enum backend_open_flags */
	int (*reopen)(void *context, int flags);
	void *context;

	pthread_mutex_t lock; /* of what follows */
	int direct_fd;        /* O_DIRECT, opened at the first use; -1 before */
	bool direct_refused;  /* the file can't be read around the page cache: all goes buffered */
	off_t kept_from;      /* buffered fallback: what a stream brought in from here on is still cached */
	struct stream stream;
	int sync_fd;          /* for write-back without O_DIRECT; -1 before its first use */
	struct behind behind; /* the stream of writes */
};

/* Nothing goes around the page cache or is dropped from it. */
static inline bool direct_file_stays_cached(const struct direct_file *file)
{
	return file->volume->in_memory || file->flags & BACKEND_BUFFERED;
}

static inline struct direct *direct_of(const struct backend_file *file)
{
	return ((struct direct_file *)file)->direct;
}

/* A descriptor of the same file with these open(2) flags, the caller's, or -errno. */
int direct_file_reopen(struct direct_file *file, int flags);

/* The O_DIRECT descriptor, opened now if need be, or -1 where there is none. */
int direct_file_descriptor(struct direct_file *file);

/*
 * A descriptor to wait for write-back with: not the caller's, whose next fsync(2) must still find the error
 * that the wait would consume. -1 where there is none.
 */
int direct_file_sync_descriptor(struct direct_file *file);

/* The device refused the alignment or the flag: this handle goes buffered from now on, and the first file of
 * a volume that does is said. */
void direct_file_refuse(struct direct_file *file, int error);

/* Goes on with a read that had waited for read-ahead. */
void direct_read_resume(struct backend_request *request);

void direct_read(struct backend_request *request);
void direct_write(struct backend_request *request);
void direct_wrote(struct backend_request *request);

/* The handle goes: what its stream of writes left in the page cache is dropped once it is on the disk. */
void direct_write_close(struct direct_file *file);
