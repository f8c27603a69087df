/* The operations of writers. Each closes the file before the lock is released. */
#include "tests/distributed/coherence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/distributed/content.h"

static uint64_t new_size(struct worker *worker, unsigned file)
{
	uint64_t most = file % 16 ? worker->shared->small_size : worker->shared->large_size;

	return file % 16 ? random_below(&worker->random, most)
			 : most / 2 + random_below(&worker->random, most / 2);
}

static void write_out(
	struct worker *worker, unsigned file, int fd, uint64_t from, uint64_t size, uint32_t version)
{
	size_t piece = (size_t)1 << ((file % 16 ? 9 : 14) + random_below(&worker->random, 7));
	ssize_t n;

	if (piece > worker->shared->large_size)
		piece = worker->shared->large_size;
	for (uint64_t offset = from; offset < size; offset += (uint64_t)n) {
		if (piece > size - offset)
			piece = size - offset;
		content_fill(worker->buffer, piece, offset, file, version);
		n = pwrite(fd, worker->buffer, piece, (off_t)offset);
		if (n <= 0)
			worker_fail(worker, file, "write at %" PRIu64 ": %s", offset, strerror(errno));
	}
}

static int open_to_write(struct worker *worker, unsigned file, const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);

	if (fd < 0)
		worker_fail(worker, file, "open of %s: %s", path, strerror(errno));
	return fd;
}

static void end_write(struct worker *worker, unsigned file, int fd)
{
	if (close(fd) < 0)
		worker_fail(worker, file, "close: %s", strerror(errno));
}

static void changed_in_place(struct coherent_file *f)
{
	f->changes[f->generation % COHERENCE_GENERATIONS]++;
}

static void became_another(struct coherent_file *f)
{
	f->generation++;
	f->changes[f->generation % COHERENCE_GENERATIONS] = 0;
	f->exists = true;
}

static void rewrite(struct worker *worker, unsigned file)
{
	struct coherent_file *f = &worker->shared->files[file];
	int fd = open_to_write(worker, file, worker->path, 0);

	write_out(worker, file, fd, 0, f->size, ++f->version);
	end_write(worker, file, fd);
	changed_in_place(f);
}

static void write_anew(struct worker *worker, unsigned file)
{
	struct coherent_file *f = &worker->shared->files[file];
	int fd = open_to_write(worker, file, worker->path, O_TRUNC);

	f->size = new_size(worker, file);
	write_out(worker, file, fd, 0, f->size, ++f->version);
	end_write(worker, file, fd);
	changed_in_place(f);
}

static void append(struct worker *worker, unsigned file)
{
	struct coherent_file *f = &worker->shared->files[file];
	uint64_t most = file % 16 ? worker->shared->small_size : worker->shared->large_size;
	uint64_t size = f->size + random_below(&worker->random, 9000);
	int fd;

	if (size > most)
		size = most;
	fd = open_to_write(worker, file, worker->path, O_APPEND);
	write_out(worker, file, fd, f->size, size, f->version);
	end_write(worker, file, fd);
	f->size = size;
	changed_in_place(f);
}

static void cut(struct worker *worker, unsigned file)
{
	struct coherent_file *f = &worker->shared->files[file];

	f->size = random_below(&worker->random, f->size + 1);
	if (truncate(worker->path, (off_t)f->size) < 0)
		worker_fail(worker, file, "truncate: %s", strerror(errno));
	changed_in_place(f);
}

static void make(struct worker *worker, unsigned file, const char *path)
{
	struct coherent_file *f = &worker->shared->files[file];
	int fd = open_to_write(worker, file, path, O_CREAT | O_EXCL);

	f->size = new_size(worker, file);
	write_out(worker, file, fd, 0, f->size, ++f->version);
	end_write(worker, file, fd);
}

static void replace(struct worker *worker, unsigned file)
{
	snprintf(worker->other, sizeof(worker->other), "%s/new-%u", worker->dir, worker->number);
	make(worker, file, worker->other);
	if (rename(worker->other, worker->path) < 0)
		worker_fail(worker, file, "rename: %s", strerror(errno));
	became_another(&worker->shared->files[file]);
}

static void remove_file(struct worker *worker, unsigned file)
{
	if (unlink(worker->path) < 0)
		worker_fail(worker, file, "unlink: %s", strerror(errno));
	worker->shared->files[file].exists = false;
}

static void create(struct worker *worker, unsigned file)
{
	make(worker, file, worker->path);
	became_another(&worker->shared->files[file]);
}

static void recreate(struct worker *worker, unsigned file)
{
	remove_file(worker, file);
	create(worker, file);
}

static const struct change {
	const char *name;
	void (*make)(struct worker *worker, unsigned file);
} changes[] = {
	{"rewrites", rewrite},
	{"truncates and writes", write_anew},
	{"appends to", append},
	{"truncates", cut},
	{"replaces", replace},
	{"recreates", recreate},
	{"removes", remove_file},
};

void worker_change(struct worker *worker, unsigned file)
{
	static const struct change creation = {"creates", create};
	size_t count = sizeof(changes) / sizeof(changes[0]);
	const struct change *change = worker->shared->files[file].exists
					      ? &changes[random_below(&worker->random, count)]
					      : &creation;

	worker_name(worker, file);
	snprintf(worker->doing, sizeof(worker->doing), "%s", change->name);
	change->make(worker, file);
	atomic_fetch_add(&worker->shared->changes, 1);
}
