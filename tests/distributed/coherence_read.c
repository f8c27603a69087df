/* The operations of readers, and what they must see. */
#include "tests/distributed/coherence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/distributed/content.h"

static void check(struct worker *worker, unsigned file, const char *buffer, size_t length, uint64_t offset,
	uint32_t version, bool or_newer)
{
	const struct cell expected = {.file = file, .version = version};
	char reason[160];

	if (content_check(buffer, length, offset, &expected, or_newer, reason) < 0)
		worker_fail(worker, file, "%s", reason);
}

/* In pieces, to the end of the file; returns where that is. */
static uint64_t read_to_end(
	struct worker *worker, unsigned file, int fd, uint32_t version, bool or_newer, bool from_start)
{
	/* of large files none so small that reading takes seconds */
	size_t piece = (size_t)1 << ((file % 16 ? 9 : 14) + random_below(&worker->random, 7));
	uint64_t offset = 0;
	ssize_t n;

	if (piece > worker->shared->large_size)
		piece = worker->shared->large_size;
	do {
		n = from_start ? pread(fd, worker->buffer, piece, (off_t)offset)
			       : read(fd, worker->buffer, piece);
		if (n < 0)
			worker_fail(worker, file, "read at %" PRIu64 ": %s", offset, strerror(errno));
		check(worker, file, worker->buffer, (size_t)n, offset, version, or_newer);
		offset += (uint64_t)n;
	} while (n > 0);
	return offset;
}

static void read_whole(struct worker *worker, unsigned file, int fd, bool again)
{
	const struct coherent_file *f = &worker->shared->files[file];
	uint64_t size = read_to_end(worker, file, fd, f->version, false, again);

	if (size != f->size)
		worker_fail(worker, file, "reads %" PRIu64 " bytes instead of %" PRIu64, size, f->size);
}

static void read_mapped(struct worker *worker, unsigned file, int fd)
{
	const struct coherent_file *f = &worker->shared->files[file];
	char *map;

	if (!f->size)
		return;
	map = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		worker_fail(worker, file, "mmap: %s", strerror(errno));
	check(worker, file, map, f->size, 0, f->version, false);
	munmap(map, f->size);
	atomic_fetch_add(&worker->shared->mapped_reads, 1);
}

/* -1 where it is not there, and should not be. */
static int open_file(struct worker *worker, unsigned file)
{
	const struct coherent_file *f = &worker->shared->files[file];
	struct stat st;
	int fd;

	worker_name(worker, file);
	fd = open(worker->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && f->exists)
		worker_fail(worker, file, "open: %s", strerror(errno));
	if (fd >= 0 && !f->exists)
		worker_fail(worker, file, "opens, and was removed");
	if (fd < 0 && errno != ENOENT)
		worker_fail(worker, file, "open of a file that was removed: %s", strerror(errno));
	if (fd >= 0 && worker->shared->stats && (fstat(fd, &st) < 0 || (uint64_t)st.st_size != f->size))
		worker_fail(worker, file, "fstat says %jd bytes instead of %" PRIu64, (intmax_t)st.st_size,
			f->size);
	return fd;
}

static void check_stat(struct worker *worker, unsigned file)
{
	const struct coherent_file *f = &worker->shared->files[file];
	struct stat st;
	int r = stat(worker->path, &st);

	if (r < 0 && (f->exists || errno != ENOENT))
		worker_fail(worker, file, "stat: %s", strerror(errno));
	if (r == 0 && !f->exists)
		worker_fail(worker, file, "stat finds it, and it was removed");
	if (r == 0 && (uint64_t)st.st_size != f->size)
		worker_fail(worker, file, "stat says %jd bytes instead of %" PRIu64, (intmax_t)st.st_size,
			f->size);
}

void worker_read(struct worker *worker, unsigned file)
{
	unsigned how = (unsigned)random_below(&worker->random, 8);
	int fd = open_file(worker, file);

	atomic_fetch_add(&worker->shared->reads, 1);
	if (fd >= 0) {
		if (how < 2)
			read_mapped(worker, file, fd);
		else
			read_whole(worker, file, fd, false);
		if (how == 3)
			read_whole(worker, file, fd, true);
		close(fd);
	}
	if (how >= 6 && worker->shared->stats)
		check_stat(worker, file);
}

void worker_hold(struct worker *worker, unsigned file)
{
	const struct coherent_file *f = &worker->shared->files[file];
	struct held *held = &worker->held[random_below(&worker->random, COHERENCE_HELD)];

	if (held->fd >= 0)
		close(held->fd);
	*held = (struct held){
		.fd = open_file(worker, file),
		.file = file,
		.version = f->version,
		.generation = f->generation,
		.changes = f->changes[f->generation % COHERENCE_GENERATIONS],
		.size = f->size,
	};
}

/*
 * A file that was replaced or removed stays unchanged for processes that have it open. One that was changed
 * in place may be shown as it was, as it is, or partly so, as without sievefs; never as it was before the
 * open.
 */
void worker_read_held(struct worker *worker, struct held *held)
{
	const struct coherent_file *f = &worker->shared->files[held->file];
	bool changed = f->generation - held->generation >= COHERENCE_GENERATIONS ||
		       f->changes[held->generation % COHERENCE_GENERATIONS] != held->changes;
	uint64_t size = read_to_end(worker, held->file, held->fd, held->version, changed, true);

	if (!changed && size != held->size)
		worker_fail(worker, held->file,
			"an open descriptor reads %" PRIu64 " bytes instead of %" PRIu64, size, held->size);
	atomic_fetch_add(&worker->shared->held_reads, 1);
}
