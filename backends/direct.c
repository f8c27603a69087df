/*
 * direct - the backend.
 */
#include "backends/direct.h"
#include "backends/engine_impl.h"
#include "backends/fault.h"
#include "cache/base/lock_order.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static void direct_log(
	struct direct *direct, int priority, const char *format, ...)
{
	char line[256];
	va_list args;

	if (!direct->settings.log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	direct->settings.log(direct->settings.log_context, priority, line);
}

int direct_file_reopen(struct direct_file *file, int flags)
{
	char path[32];
	int fd;

	if (file->reopen)
		return file->reopen(file->context, flags);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	fd = open(path, flags);
	return fd < 0 ? -errno : fd;
}

/* The lock must be held. */
static void file_refuse(struct direct_file *file, int error)
{
	struct direct *direct = file->direct;

	if (file->direct_refused)
		return;
	file->direct_refused = true;
	backend_count(&direct->stats.fallback_files, 1);
	if (!atomic_exchange(&file->volume->refused, true))
		direct_log(direct, LOG_NOTICE,
			"inode %ju on file system %u:%u can't be read around the page cache (%s): such files "
			"are read through it, and dropped behind",
			(uintmax_t)file->facts.ino, major(file->volume->dev), minor(file->volume->dev),
			strerror(error));
}

void direct_file_refuse(struct direct_file *file, int error)
{
	lock_take(&file->lock, LOCK_FILE);
	file_refuse(file, error);
	lock_drop(&file->lock, LOCK_FILE);
}

int direct_file_descriptor(struct direct_file *file)
{
	const int keep = O_ACCMODE | O_SYNC | O_DSYNC | O_NOATIME;
	int fd;

	lock_take(&file->lock, LOCK_FILE);
	if (file->direct_fd < 0 && !file->direct_refused) {
		int flags = fcntl(file->fd, F_GETFL);

		fd = direct_file_reopen(file, (flags & keep) | O_DIRECT | O_CLOEXEC);
		if (fd >= 0)
			file->direct_fd = fd;
		else
			file_refuse(file, -fd);
	}
	fd = file->direct_refused ? -1 : file->direct_fd;
	lock_drop(&file->lock, LOCK_FILE);
	return fd;
}

int direct_file_sync_descriptor(struct direct_file *file)
{
	int fd = direct_file_descriptor(file);

	if (fd >= 0)
		return fd;
	lock_take(&file->lock, LOCK_FILE);
	if (file->sync_fd < 0)
		file->sync_fd = direct_file_reopen(file, (fcntl(file->fd, F_GETFL) & O_ACCMODE) | O_CLOEXEC);
	fd = file->sync_fd < 0 ? -1 : file->sync_fd;
	lock_drop(&file->lock, LOCK_FILE);
	return fd;
}

static int direct_open(struct backend *backend, const struct backend_open *how, struct backend_file **out)
{
	struct direct *direct = (struct direct *)backend;
	struct direct_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	r = volumes_find(&direct->volumes, how->fd, &file->volume, &file->facts);
	if (r == 0) {
		file->node = nodes_get(&direct->nodes, file->volume->dev, file->facts.ino);
		r = file->node ? 0 : -ENOMEM;
	}
	if (r < 0) {
		free(file);
		return r;
	}
	file->file.backend = backend;
	file->direct = direct;
	file->fd = how->fd;
	file->flags = how->flags;
	file->reopen = how->reopen;
	file->context = how->context;
	file->direct_fd = -1;
	file->sync_fd = -1;
	pthread_mutex_init(&file->lock, NULL);
	if (how->flags & BACKEND_BUFFERED)
		file->direct_refused = true;
	else if (!file->facts.direct && !file->volume->in_memory)
		file_refuse(file, EOPNOTSUPP);
	backend_count(&direct->stats.opens, 1);
	*out = &file->file;
	return 0;
}

static void direct_close(struct backend_file *base)
{
	struct direct_file *file = (struct direct_file *)base;

	direct_write_close(file);
	if (!stream_close(file) && file->direct_fd >= 0)
		close(file->direct_fd);
	if (file->sync_fd >= 0)
		close(file->sync_fd);
	nodes_put(&file->direct->nodes, file->node);
	pthread_mutex_destroy(&file->lock);
	free(file);
}

static void direct_file_changed(struct backend_file *base)
{
	struct direct_file *file = (struct direct_file *)base;

	node_changed(file->node);
}

static void direct_changed(struct backend *backend, dev_t dev, ino_t ino)
{
	struct direct *direct = (struct direct *)backend;

	nodes_changed(&direct->nodes, dev, ino);
}

static enum backend_pattern direct_pattern(struct backend_file *base)
{
	struct direct_file *file = (struct direct_file *)base;
	enum backend_pattern pattern = BACKEND_PATTERN_UNKNOWN;

	lock_take(&file->lock, LOCK_FILE);
	if (file->stream.order != DETECT_NONE)
		pattern = BACKEND_PATTERN_STREAM;
	else if (detect_is_random(&file->stream.detect))
		pattern = BACKEND_PATTERN_RANDOM;
	lock_drop(&file->lock, LOCK_FILE);
	return pattern;
}

static const char *direct_engine_name(const struct backend *backend)
{
	const struct direct *direct = (const struct direct *)backend;

	return engine_is_uring(direct->engine) ? "io_uring" : "threads";
}

static const struct backend_stats *direct_stats(const struct backend *backend)
{
	return &((const struct direct *)backend)->stats;
}

static void direct_free(struct backend *backend)
{
	struct direct *direct = (struct direct *)backend;

	engine_free(direct->engine);
	window_host_deinit(&direct->windows);
	nodes_deinit(&direct->nodes);
	volumes_deinit(&direct->volumes);
	buffers_deinit(&direct->buffers);
	free(direct);
}

static const struct backend_impl direct_impl = {
	.open = direct_open,
	.close = direct_close,
	.read = direct_read,
	.write = direct_write,
	.wrote = direct_wrote,
	.file_changed = direct_file_changed,
	.changed = direct_changed,
	.pattern = direct_pattern,
	.engine_name = direct_engine_name,
	.stats = direct_stats,
	.free = direct_free,
};

static void direct_init(struct direct *direct, const struct backend_settings *settings)
{
	direct->settings = *settings;
	buffers_init(&direct->buffers, settings->memory, &direct->stats);
	volumes_init(&direct->volumes);
	nodes_init(&direct->nodes);
	direct->limits = (struct detect_limits){.after = settings->stream_after, .gap = settings->stream_gap};
	direct->windows = (struct window_host){
		.engine = direct->engine,
		.buffers = &direct->buffers,
		.nodes = &direct->nodes,
		.stats = &direct->stats,
		.readahead = settings->readahead,
		.depth = settings->depth,
		.resume = direct_read_resume,
	};
	window_host_init(&direct->windows);
	if (!settings->threads_only && !engine_is_uring(direct->engine))
		direct_log(direct, LOG_NOTICE,
			"io_uring is refused here: large files are read by a pool of threads, slower");
}

/* With a plan that has faults of the disk, the engine is wrapped too. */
static int direct_new_engine(
	struct direct *direct, const struct backend_settings *settings, struct fault_plan *plan)
{
	struct engine_settings how = {.threads_only = settings->threads_only};
	struct engine *inner;
	int r = engine_new(&how, &inner);

	direct->engine = inner;
	if (r < 0 || !plan || !fault_plan_has_device_rules(plan))
		return r;
	direct->faulty_engine = true;
	r = engine_faulty_wrap(inner, plan, &direct->engine);
	if (r < 0)
		engine_free(inner);
	return r;
}

static int direct_new(const struct backend_settings *settings, struct fault_plan *plan, struct backend **out)
{
	struct direct *direct = calloc(1, sizeof(*direct));
	int r;

	if (!direct)
		return -ENOMEM;
	direct->backend.impl = &direct_impl;
	r = direct_new_engine(direct, settings, plan);
	if (r < 0) {
		free(direct);
		return r;
	}
	direct_init(direct, settings);
	*out = &direct->backend;
	return 0;
}

static int faulty_new(const struct backend_settings *settings, struct backend **out)
{
	struct backend *inner = NULL;
	struct fault_plan *plan;
	char why[160] = "";
	int r = fault_plan_new(settings->faults, &plan, why, sizeof(why));

	if (r < 0) {
		if (settings->log && *why)
			settings->log(settings->log_context, LOG_ERR, why);
		return r;
	}
	r = direct_new(settings, plan, &inner);
	if (r == 0)
		r = backend_faulty_wrap(inner, plan, out);
	if (r < 0) {
		fault_plan_free(plan);
		backend_free(inner);
	}
	return r;
}

int backend_new(const struct backend_settings *settings, struct backend **out)
{
	if (settings->faults && *settings->faults)
		return faulty_new(settings, out);
	return direct_new(settings, NULL, out);
}
