/*
 * direct_write - one write request, repeated until all of it is written or an error says why not.
 */
#include "backends/direct.h"
#include <errno.h>

static void write_step(struct backend_request *request);

static struct backend_request *request_of(struct engine_op *op)
{
	return (struct backend_request *)((char *)op - offsetof(struct backend_request, work.op));
}

/* The file's generation moves before the write is acknowledged, so that nothing older is served after it. */
static void write_finish(struct backend_request *request, int error)
{
	struct direct_file *file = (struct direct_file *)request->file;

	node_changed(file->node);
	if (error)
		backend_count(&file->direct->stats.errors, 1);
	backend_count(&file->direct->stats.write_bytes, request->work.moved);
	request->done(request, error ? error : (ssize_t)request->work.moved);
}

static void write_done(struct engine_op *op, ssize_t result)
{
	struct backend_request *request = request_of(op);

	if (result > 0)
		request->work.moved += result;
	if (result < 0)
		write_finish(request, result);
	else if (request->work.moved == request->size)
		write_finish(request, 0);
	else if (result == 0)
		write_finish(request, -EIO);
	else
		write_step(request);
}

static void write_step(struct backend_request *request)
{
	struct direct_file *file = (struct direct_file *)request->file;
	size_t left = request->size - request->work.moved;

	backend_count(&file->direct->stats.buffered_writes, 1);
	request->work.op = (struct engine_op){
		.verb = ENGINE_WRITE,
		.fd = file->fd,
		.buf = (char *)request->buf + request->work.moved,
		.size = left < ENGINE_SIZE_MAX ? left : ENGINE_SIZE_MAX,
		.offset = request->offset + (off_t)request->work.moved,
		.done = write_done,
	};
	engine_submit(file->direct->engine, &request->work.op);
}

void direct_write(struct backend_request *request)
{
	struct direct *direct = direct_of(request->file);

	backend_count(&direct->stats.writes, 1);
	request->work.moved = 0;
	if (request->size == 0)
		write_finish(request, 0);
	else if (request->offset < 0)
		write_finish(request, -EINVAL);
	else
		write_step(request);
}
