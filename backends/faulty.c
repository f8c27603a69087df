/*
 * faulty - a backend that wraps another and lets requests go wrong as a plan says (fault.h). For tests; made
 * only when a plan is given.
 */
#include "backends/backend_impl.h"
#include "backends/fault.h"
#include <errno.h>
#include <stdlib.h>

struct faulty {
	struct backend backend;
	struct backend *inner;
	struct fault_plan *plan;
};

struct faulty_file {
	struct backend_file file;
	struct backend_file *inner;
};

/* A request that meets a fault, in its caller's place. */
struct faulty_request {
	struct fault_delayed delayed;
	struct backend_request request; /* to the inner backend */
	struct backend_request *caller;
	void (*submit)(struct backend_request *request);
	int error;
};

static struct faulty *faulty_of(struct backend_file *file)
{
	return (struct faulty *)file->backend;
}

static void faulty_done(struct backend_request *request, ssize_t result)
{
	struct faulty_request *faulty =
		(struct faulty_request *)((char *)request - offsetof(struct faulty_request, request));
	struct backend_request *caller = faulty->caller;

	free(faulty);
	caller->done(caller, result);
}

static void faulty_go_on(struct fault_delayed *delayed)
{
	struct faulty_request *faulty = (struct faulty_request *)delayed;

	if (faulty->error)
		faulty_done(&faulty->request, -faulty->error);
	else
		faulty->submit(&faulty->request);
}

static void faulty_submit(struct backend_request *caller, enum fault_place place,
	void (*submit)(struct backend_request *request))
{
	struct faulty *backend = faulty_of(caller->file);
	struct fault_verdict verdict = fault_meet(backend->plan, place, caller->offset, caller->size);
	struct faulty_request *faulty = calloc(1, sizeof(*faulty));

	if (!faulty) {
		caller->done(caller, -ENOMEM);
		return;
	}
	faulty->delayed.run = faulty_go_on;
	faulty->request = (struct backend_request){
		.file = ((struct faulty_file *)caller->file)->inner,
		.buf = caller->buf,
		.size = caller->size,
		.offset = caller->offset,
		.done = faulty_done,
	};
	faulty->caller = caller;
	faulty->submit = submit;
	faulty->error = verdict.error;
	if (verdict.hang || verdict.delay_ns)
		fault_delay(backend->plan, &verdict, &faulty->delayed);
	else
		faulty_go_on(&faulty->delayed);
}

static void faulty_read(struct backend_request *request)
{
	faulty_submit(request, FAULT_READ, backend_read);
}

static void faulty_write(struct backend_request *request)
{
	faulty_submit(request, FAULT_WRITE, backend_write);
}

/* It is written already: nothing of it can fail. */
static void faulty_wrote(struct backend_request *request)
{
	request->file = ((struct faulty_file *)request->file)->inner;
	backend_wrote(request);
}

static int faulty_open(struct backend *backend, const struct backend_open *how, struct backend_file **out)
{
	struct faulty_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	file->file.backend = backend;
	r = backend_open(((struct faulty *)backend)->inner, how, &file->inner);
	if (r < 0) {
		free(file);
		return r;
	}
	*out = &file->file;
	return 0;
}

static void faulty_close(struct backend_file *file)
{
	backend_close(((struct faulty_file *)file)->inner);
	free(file);
}

static void faulty_file_changed(struct backend_file *file)
{
	backend_file_changed(((struct faulty_file *)file)->inner);
}

static void faulty_changed(struct backend *backend, dev_t dev, ino_t ino)
{
	backend_changed(((struct faulty *)backend)->inner, dev, ino);
}

static enum backend_pattern faulty_pattern(struct backend_file *file)
{
	return backend_file_pattern(((struct faulty_file *)file)->inner);
}

static const char *faulty_engine_name(const struct backend *backend)
{
	return backend_engine_name(((const struct faulty *)backend)->inner);
}

static const struct backend_stats *faulty_stats(const struct backend *backend)
{
	return backend_stats(((const struct faulty *)backend)->inner);
}

/* What hangs is let go first, to where it belongs. */
static void faulty_free(struct backend *backend)
{
	struct faulty *faulty = (struct faulty *)backend;

	fault_plan_free(faulty->plan);
	backend_free(faulty->inner);
	free(faulty);
}

static const struct backend_impl faulty_impl = {
	.open = faulty_open,
	.close = faulty_close,
	.read = faulty_read,
	.write = faulty_write,
	.wrote = faulty_wrote,
	.file_changed = faulty_file_changed,
	.changed = faulty_changed,
	.pattern = faulty_pattern,
	.engine_name = faulty_engine_name,
	.stats = faulty_stats,
	.free = faulty_free,
};

int backend_faulty_wrap(struct backend *inner, struct fault_plan *plan, struct backend **out)
{
	struct faulty *faulty = calloc(1, sizeof(*faulty));

	if (!faulty)
		return -ENOMEM;
	faulty->backend.impl = &faulty_impl;
	faulty->inner = inner;
	faulty->plan = plan;
	*out = &faulty->backend;
	return 0;
}

void backend_faults_release(struct backend *backend)
{
	if (backend->impl == &faulty_impl)
		fault_release(((struct faulty *)backend)->plan);
}
