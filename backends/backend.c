#include "backends/backend.h"
#include "backends/backend_impl.h"

void backend_settings_init(struct backend_settings *settings)
{
	*settings = (struct backend_settings){
		.memory = 64 << 20,
		.readahead = 8 << 20,
		.depth = 8,
		.stream_after = 256 << 10,
		.stream_gap = 128 << 10,
		.write_direct_from = 32 << 20,
		.write_direct_min = 256 << 10,
		.write_window = 8 << 20,
	};
}

void backend_free(struct backend *backend)
{
	if (backend)
		backend->impl->free(backend);
}

const char *backend_engine_name(const struct backend *backend)
{
	return backend->impl->engine_name(backend);
}

int backend_open(struct backend *backend, const struct backend_open *how, struct backend_file **file)
{
	return backend->impl->open(backend, how, file);
}

void backend_close(struct backend_file *file)
{
	if (file)
		file->backend->impl->close(file);
}

void backend_read(struct backend_request *request)
{
	request->file->backend->impl->read(request);
}

void backend_write(struct backend_request *request)
{
	request->file->backend->impl->write(request);
}

void backend_wrote(struct backend_request *request)
{
	request->file->backend->impl->wrote(request);
}

void backend_file_changed(struct backend_file *file)
{
	file->backend->impl->file_changed(file);
}

void backend_changed(struct backend *backend, dev_t dev, ino_t ino)
{
	backend->impl->changed(backend, dev, ino);
}

enum backend_pattern backend_file_pattern(struct backend_file *file)
{
	return file->backend->impl->pattern(file);
}

const struct backend_stats *backend_stats(const struct backend *backend)
{
	return backend->impl->stats(backend);
}

void backend_stats_each(const struct backend_stats *stats,
	void (*each)(void *context, const char *name, uint64_t value, const char *help), void *context)
{
#define COUNTER(name, help) each(context, #name, backend_counted(&stats->name), help);
	BACKEND_STATS(COUNTER)
#undef COUNTER
}
