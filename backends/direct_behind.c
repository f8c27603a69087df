#include "backends/direct_behind.h"
#include "backends/backend_file.h"
#include "cache/base/lock_order.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t window_of(const struct backend_file *file)
{
	return file->backend->settings.write_window;
}

/* What nobody waits for is settled with a descriptor of its own, which no write needs: a program that was
 * just written can be executed. */
static void left_settled(struct behind_job *job)
{
	close(job->fd);
	free(job);
}

static void settle_left(struct backend_file *file, struct behind_range left)
{
	struct behind_job *job;

	if (left.from == left.to)
		return;
	job = malloc(sizeof(*job));
	if (!job)
		return;
	*job = (struct behind_job){
		.engine = file->backend->engine,
		.stats = &file->backend->stats,
		.fd = backend_file_reopen(file, O_RDONLY | O_CLOEXEC),
		.work.settle = left,
		.done = left_settled,
	};
	if (job->fd < 0)
		free(job);
	else
		behind_run(job);
}

bool direct_behind_note(
	struct backend_file *file, const struct backend_request *request, struct behind_work *work)
{
	struct behind_range left;
	bool full;

	lock_take(&file->lock, LOCK_FILE);
	left = behind_note(
		&file->behind, request->offset, request->size, request->work.buffered, window_of(file));
	full = behind_is_full(&file->behind, window_of(file));
	lock_drop(&file->lock, LOCK_FILE);
	if ((!full && left.from == left.to) ||
		!backend_file_is_large(file, request->offset + (off_t)request->size))
		return false;
	settle_left(file, left);
	if (!full)
		return false;
	lock_take(&file->lock, LOCK_FILE);
	*work = behind_take(&file->behind, window_of(file));
	lock_drop(&file->lock, LOCK_FILE);
	return work->begin.from < work->begin.to || work->settle.from < work->settle.to;
}

void direct_behind_close(struct backend_file *file)
{
	struct behind_range left = behind_end(&file->behind, window_of(file));
	struct stat st;

	/* one without a name has no need of the disk, and its blocks are not to be held */
	if (left.from < left.to && fstat(file->fd, &st) == 0 && st.st_nlink > 0 &&
		backend_file_is_large(file, left.to))
		settle_left(file, left);
}
