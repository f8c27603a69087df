#include "tests/backends/fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

unsigned char pattern_byte(size_t offset)
{
	return (unsigned char)(offset * 31 + (offset >> 9) * 7 + (offset >> 20) * 13);
}

unsigned char *buffer_new(size_t size)
{
	unsigned char *buf = NULL;

	assert_int_equal(posix_memalign((void **)&buf, 4096, size + 4096), 0);
	memset(buf, 0xa5, size + 4096);
	return buf;
}

void fixture_init(struct fixture *fixture, const char *dir, size_t size)
{
	unsigned char *bytes = buffer_new(size);

	*fixture = (struct fixture){0};
	snprintf(fixture->path, sizeof(fixture->path), "%s/backend-XXXXXX", dir);
	fixture->fd = mkstemp(fixture->path);
	if (fixture->fd < 0) {
		fprintf(stderr, "skipped: %s can't be written: %s\n", dir, strerror(errno));
		exit(77);
	}
	for (size_t i = 0; i < size; i++)
		bytes[i] = pattern_byte(i);
	assert_int_equal(pwrite(fixture->fd, bytes, size, 0), size);
	assert_int_equal(fsync(fixture->fd), 0);
	fixture_drop_cache(fixture);
	free(bytes);
}

void fixture_close_for_writing(struct fixture *fixture)
{
	int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fixture->fd);
	fixture->fd = fd;
}

int fixture_open_for_writing(const struct fixture *fixture)
{
	int fd = open(fixture->path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

void fixture_drop_cache(const struct fixture *fixture)
{
	posix_fadvise(fixture->fd, 0, 0, POSIX_FADV_DONTNEED);
}

void fixture_open(struct fixture *fixture, struct backend *backend, unsigned flags)
{
	struct backend_open how = {.fd = fixture->fd, .flags = flags};

	fixture->backend = backend;
	assert_int_equal(backend_open(backend, &how, &fixture->file), 0);
}

void fixture_start(
	struct fixture *fixture, const char *dir, size_t size, const struct backend_settings *settings)
{
	struct backend *backend;

	assert_int_equal(backend_new(settings, &backend), 0);
	fixture_init(fixture, dir, size);
	fixture_open(fixture, backend, 0);
}

void fixture_deinit(struct fixture *fixture)
{
	backend_close(fixture->file);
	backend_free(fixture->backend);
	close(fixture->fd);
	unlink(fixture->path);
}

static void request_done(struct backend_request *request, ssize_t result)
{
	struct waiting_request *waiting = (struct waiting_request *)request;

	waiting->result = result;
	sem_post(&waiting->done);
}

void request_prepare(struct waiting_request *waiting, struct backend_file *file, const void *buf, size_t size,
	off_t offset)
{
	waiting->request = (struct backend_request){
		.file = file,
		.buf = (void *)buf,
		.size = size,
		.offset = offset,
		.done = request_done,
	};
	waiting->result = 0;
	sem_init(&waiting->done, 0, 0);
}

void request_start(
	struct waiting_request *waiting, struct backend_file *file, void *buf, size_t size, off_t offset)
{
	request_prepare(waiting, file, buf, size, offset);
	backend_read(&waiting->request);
}

ssize_t request_wait(struct waiting_request *waiting)
{
	while (sem_wait(&waiting->done) < 0 && errno == EINTR)
		;
	sem_destroy(&waiting->done);
	return waiting->result;
}

ssize_t read_and_wait(struct backend_file *file, void *buf, size_t size, off_t offset)
{
	struct waiting_request waiting;

	request_start(&waiting, file, buf, size, offset);
	return request_wait(&waiting);
}

ssize_t write_and_wait(struct backend_file *file, const void *buf, size_t size, off_t offset)
{
	struct waiting_request waiting;

	request_prepare(&waiting, file, buf, size, offset);
	backend_write(&waiting.request);
	return request_wait(&waiting);
}

ssize_t wrote_and_wait(struct backend_file *file, size_t size, off_t offset)
{
	struct waiting_request waiting;

	request_prepare(&waiting, file, NULL, size, offset);
	backend_wrote(&waiting.request);
	return request_wait(&waiting);
}

void assert_pattern(const unsigned char *buf, size_t size, size_t offset)
{
	for (size_t i = 0; i < size; i++) {
		if (buf[i] != pattern_byte(offset + i))
			fail_msg("byte %zu is %02x, not %02x", offset + i, buf[i], pattern_byte(offset + i));
	}
}
