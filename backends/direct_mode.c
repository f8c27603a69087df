#include "backends/direct_mode.h"
#include "backends/backend_file.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"

enum {
	WINDOW_MIN = 2 << 20,
};

static bool has_choice(const struct backend_request *request)
{
	const struct backend_file *file = request->file;

	return file->backend->settings.write_mode == BACKEND_WRITE_MEASURED && !file->writes_wait &&
	       !request->sync && !request->around &&
	       behind_bound_free(&file->backend->written) >= 2 * WINDOW_MIN;
}

static bool continues_a_stream(const struct backend_request *request)
{
	struct backend_file *file = request->file;
	bool continues;

	lock_take(&file->lock, LOCK_FILE);
	continues = behind_continues(&file->behind, request->offset, file->backend->settings.write_window);
	lock_drop(&file->lock, LOCK_FILE);
	return continues;
}

bool direct_mode_is_window(struct backend_request *request, size_t size)
{
	struct volume *volume = request->file->volume;
	struct stream_modes *modes = &volume->write_modes;
	enum stream_mode mode;

	if (!has_choice(request) || !continues_a_stream(request))
		return false;
	lock_take(&volume->mode_lock, LOCK_STREAM_MODE);
	mode = stream_mode_note(modes,
		&volume->write_meters[stream_mode_class_of(modes, size) - modes->classes], size,
		clock_now_ns());
	lock_drop(&volume->mode_lock, LOCK_STREAM_MODE);
	return mode == STREAM_WINDOW;
}
