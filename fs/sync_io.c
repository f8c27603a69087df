#include "fs/sync_io.h"

#include <errno.h>
#include <semaphore.h>
#include <stdint.h>

#include "backends/backend.h"

struct waiting {
	struct backend_request request;
	ssize_t result;
	sem_t done;
};

static void wake(struct backend_request *request, ssize_t result)
{
	struct waiting *w = (struct waiting *)request;

	w->result = result;
	sem_post(&w->done);
}

static ssize_t wait_for(struct waiting *w, void (*submit)(struct backend_request *))
{
	sem_init(&w->done, 0, 0);
	submit(&w->request);
	while (sem_wait(&w->done) < 0 && errno == EINTR)
		continue;
	sem_destroy(&w->done);
	return w->result;
}

ssize_t sync_read(struct backend_file *file, void *buf, size_t size, off_t offset)
{
	struct waiting w = {
		.request = {.file = file, .buf = buf, .size = size, .offset = offset, .done = wake}};

	return wait_for(&w, backend_read);
}

ssize_t sync_write(
	struct backend_file *file, const void *buf, size_t size, off_t offset, int sync, bool around)
{
	struct waiting w = {
		.request = {.file = file,
			.buf = (void *)(uintptr_t)buf,
			.size = size,
			.offset = offset,
			.sync = sync,
			.around = around,
			.done = wake},
	};

	return wait_for(&w, backend_write);
}

ssize_t sync_wrote(struct backend_file *file, size_t size, off_t offset)
{
	struct waiting w = {.request = {.file = file, .size = size, .offset = offset, .done = wake}};

	return wait_for(&w, backend_wrote);
}
