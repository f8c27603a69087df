#include "backends/backend.h"
#include "backends/backend_file.h"
#include "backends/direct_behind.h"
#include "backends/direct_read.h"
#include "backends/direct_write.h"
#include "backends/engine_impl.h"
#include "backends/faulty.h"
#include "cache/base/lock_order.h"
#include <errno.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

int backend_open(struct backend *backend, const struct backend_open *how, struct backend_file **out)
{
	struct backend_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	r = volumes_find(&backend->volumes, how->fd, how->known, &file->volume, &file->facts);
	if (r == 0) {
		file->node = nodes_get(&backend->nodes, file->volume->dev, file->facts.ino);
		r = file->node ? 0 : -ENOMEM;
	}
	if (r < 0) {
		free(file);
		return r;
	}
	file->backend = backend;
	file->fd = how->fd;
	file->buffered = how->flags & BACKEND_BUFFERED;
	file->random_buffered = how->flags & BACKEND_RANDOM_BUFFERED;
	file->writes_wait = how->flags & BACKEND_WRITES_WAIT;
	file->reopen = how->reopen;
	file->context = how->context;
	file->direct_fd = -1;
	file->sync_fd = -1;
	pthread_mutex_init(&file->lock, NULL);
	stream_init(&file->stream, &backend->streams, file->volume, file->node, &file->facts);
	if (file->buffered)
		file->direct_refused = true;
	else if (!file->facts.direct && !file->volume->in_memory)
		backend_file_refuse(file, EOPNOTSUPP);
	backend_count(&backend->stats.opens, 1);
	*out = file;
	return 0;
}

void backend_close(struct backend_file *file)
{
	if (!file)
		return;
	direct_behind_close(file);
	if (!stream_close(&file->stream) && file->direct_fd >= 0)
		close(file->direct_fd);
	if (file->sync_fd >= 0)
		close(file->sync_fd);
	nodes_put(&file->backend->nodes, file->node);
	pthread_mutex_destroy(&file->lock);
	free(file);
}

void backend_read(struct backend_request *request)
{
	struct fault_plan *faults = request->file->backend->faults;

	if (faults)
		faulty_submit(faults, FAULT_READ, request, direct_read);
	else
		direct_read(request);
}

void backend_write(struct backend_request *request)
{
	struct fault_plan *faults = request->file->backend->faults;

	if (faults)
		faulty_submit(faults, FAULT_WRITE, request, direct_write);
	else
		direct_write(request);
}

void backend_wrote(struct backend_request *request)
{
	direct_wrote(request);
}

void backend_file_changed(struct backend_file *file)
{
	node_changed(file->node);
}

void backend_changed(struct backend *backend, dev_t dev, ino_t ino)
{
	nodes_changed(&backend->nodes, dev, ino);
}

uint64_t backend_read_rate(struct backend *backend, dev_t device)
{
	return volumes_read_rate(&backend->volumes, device);
}

uint64_t backend_write_rate(struct backend *backend, dev_t device)
{
	return volumes_write_rate(&backend->volumes, device);
}

enum backend_pattern backend_file_pattern(struct backend_file *file)
{
	enum backend_pattern pattern = BACKEND_PATTERN_UNKNOWN;

	lock_take(&file->lock, LOCK_FILE);
	if (file->stream.order != DETECT_NONE)
		pattern = BACKEND_PATTERN_STREAM;
	else if (detect_is_random(&file->stream.detect))
		pattern = BACKEND_PATTERN_RANDOM;
	lock_drop(&file->lock, LOCK_FILE);
	return pattern;
}

const char *backend_engine_name(const struct backend *backend)
{
	return engine_is_uring(backend->engine) ? "io_uring" : "threads";
}

const struct backend_stats *backend_stats(const struct backend *backend)
{
	return &backend->stats;
}

void backend_faults_release(struct backend *backend)
{
	if (backend->faults)
		fault_release(backend->faults);
}

void backend_set_readahead(struct backend *backend, size_t readahead, unsigned depth)
{
	backend->streams.windows.readahead = readahead;
	backend->streams.windows.depth = depth;
}

void backend_set_streams(struct backend *backend, size_t after, size_t gap)
{
	backend->streams.after = after;
	backend->streams.gap = gap;
}

void backend_set_write_direct_from(struct backend *backend, off_t from)
{
	backend->write_direct_from = from;
}

void backend_free(struct backend *backend)
{
	if (!backend)
		return;
	/* first, since what hangs goes on with the parts below */
	fault_plan_free(backend->faults);
	engine_free(backend->engine);
	window_host_deinit(&backend->streams.windows);
	nodes_deinit(&backend->nodes);
	volumes_deinit(&backend->volumes);
	behind_bound_deinit(&backend->written);
	buffers_deinit(&backend->buffers);
	free(backend);
}

static int plan_faults(struct backend *backend, const struct backend_settings *settings)
{
	char why[160] = "";
	int r;

	if (!settings->faults || !*settings->faults)
		return 0;
	r = fault_plan_new(settings->faults, &backend->faults, why, sizeof(why));
	if (r < 0 && settings->log && *why)
		settings->log(settings->log_context, LOG_ERR, why);
	return r;
}

/* With a plan that has faults of the disk, the engine is wrapped too. */
static int start_engine(struct backend *backend, const struct backend_settings *settings)
{
	struct engine_settings how = {.threads_only = settings->threads_only};
	struct engine *inner;
	int r = engine_new(&how, &inner);

	backend->engine = inner;
	if (r < 0 || !backend->faults || !fault_plan_has_device_rules(backend->faults))
		return r;
	backend->faulty_engine = true;
	r = engine_faulty_wrap(inner, backend->faults, &backend->engine);
	if (r < 0)
		engine_free(inner);
	return r;
}

static void backend_init(struct backend *backend, const struct backend_settings *settings)
{
	backend->settings = *settings;
	backend->write_direct_from = settings->write_direct_from;
	buffers_init(&backend->buffers, settings->memory, &backend->stats);
	behind_bound_init(&backend->written, settings->memory, &backend->stats);
	volumes_init(&backend->volumes);
	nodes_init(&backend->nodes);
	backend->streams = (struct stream_host){
		.windows =
			{
				.engine = backend->engine,
				.buffers = &backend->buffers,
				.nodes = &backend->nodes,
				.stats = &backend->stats,
				.readahead = settings->readahead,
				.depth = settings->depth,
				.resume = direct_read_resume,
			},
		.after = settings->stream_after,
		.gap = settings->stream_gap,
		.window_always = settings->window == BACKEND_WINDOW_ALWAYS,
	};
	window_host_init(&backend->streams.windows);
	if (settings->log && !settings->threads_only && !engine_is_uring(backend->engine))
		settings->log(settings->log_context, LOG_NOTICE,
			"io_uring is not available: large files are read by a pool of threads, which is "
			"slower");
}

int backend_new(const struct backend_settings *settings, struct backend **out)
{
	struct backend *backend = calloc(1, sizeof(*backend));
	int r;

	if (!backend)
		return -ENOMEM;
	r = plan_faults(backend, settings);
	if (r == 0)
		r = start_engine(backend, settings);
	if (r < 0) {
		fault_plan_free(backend->faults);
		free(backend);
		return r;
	}
	backend_init(backend, settings);
	*out = backend;
	return 0;
}

void backend_stats_each(const struct backend_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context)
{
#define COUNTER(name, help) each(context, #name, backend_counted(&stats->name), help);
	BACKEND_STATS(COUNTER)
#undef COUNTER
}
