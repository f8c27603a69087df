/*
 * fixture - a backing file with known bytes, a backend on it, and requests that wait for their answer.
 */
#pragma once

#include "backends/backend.h"
#include <semaphore.h>

struct fixture {
	struct backend *backend;
	struct backend_file *file;
	int fd;
	char path[64];
};

struct waiting_request {
	struct backend_request request;
	sem_t done;
	ssize_t result;
};

/* A file in the working directory (a disk) or in dir, of this size with pattern_byte() in it, written to the
 * disk and out of the page cache. Ends the test program with 77 where dir can't be written. */
void fixture_init(struct fixture *fixture, const char *dir, size_t size);
void fixture_open(struct fixture *fixture, struct backend *backend, unsigned flags);
/* fixture_init() and fixture_open(), with a direct backend of these settings. */
void fixture_start(
	struct fixture *fixture, const char *dir, size_t size, const struct backend_settings *settings);
void fixture_deinit(struct fixture *fixture);

/* fd is open for reading only from now on: nothing is read ahead while anybody has the file open for writing.
 */
void fixture_close_for_writing(struct fixture *fixture);

/* Another descriptor of the file, for reading and writing; close() it. */
int fixture_open_for_writing(const struct fixture *fixture);

/* Drops the file's clean pages. */
void fixture_drop_cache(const struct fixture *fixture);

unsigned char pattern_byte(size_t offset);

/* All but submitting it. */
void request_prepare(struct waiting_request *waiting, struct backend_file *file, const void *buf, size_t size,
	off_t offset);
void request_start(
	struct waiting_request *waiting, struct backend_file *file, void *buf, size_t size, off_t offset);
ssize_t request_wait(struct waiting_request *waiting);

ssize_t read_and_wait(struct backend_file *file, void *buf, size_t size, off_t offset);
ssize_t write_and_wait(struct backend_file *file, const void *buf, size_t size, off_t offset);
ssize_t wrote_and_wait(struct backend_file *file, size_t size, off_t offset);

/* Page-aligned, filled with a byte that the pattern does not have at that place; free() it. */
unsigned char *buffer_new(size_t size);

/* Fails the test, naming the offset, when buf is not the pattern from offset on. */
void assert_pattern(const unsigned char *buf, size_t size, size_t offset);
