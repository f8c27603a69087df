#include "backends/stream.h"
#include "backends/backend_file.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"

enum {
	PAUSE_NS = 200000000, /* a reader that rested so long measured itself, not the device */
};

/* The file's lock must be held when you call any of the functions below this line, up to the next one. */

static void stream_restart_epoch(struct stream *stream)
{
	stream->epoch_bytes = 0;
	stream->epoch_ns = 0;
}

static void stream_set_mode(struct backend_file *file, enum choice_mode mode)
{
	struct stream *stream = &file->stream;

	if (file->backend->settings.window == BACKEND_WINDOW_ALWAYS)
		mode = CHOICE_WINDOW;
	if (stream->mode == mode)
		return;
	stream->mode = mode;
	backend_count(mode == CHOICE_WINDOW ? &file->backend->stats.window_opened
					    : &file->backend->stats.window_shut,
		1);
	if (mode == CHOICE_STRAIGHT && stream->window)
		window_stop(stream->window);
}

/* Requests of another size are another case: what was measured so far counts for nothing. */
static void stream_set_class(struct backend_file *file, size_t size)
{
	struct stream *stream = &file->stream;
	struct choice_class *class = choice_class_of(&file->volume->choice, size);

	if (class == stream->class)
		return;
	if (stream->class)
		choice_abandon(stream->class, stream->mode);
	stream->class = class;
	stream_set_mode(file, choice_start(class));
	stream_restart_epoch(stream);
}

static void stream_measure(struct backend_file *file, size_t size)
{
	struct stream *stream = &file->stream;
	uint64_t now = clock_now_ns();

	lock_take(&file->volume->choice_lock, LOCK_CHOICE);
	stream_set_class(file, size);
	if (now - stream->last_ns > PAUSE_NS)
		stream_restart_epoch(stream);
	stream->last_ns = now;
	if (!stream->epoch_ns && stream->epoch_bytes >= CHOICE_SETTLING) {
		stream->epoch_ns = now;
		stream->epoch_bytes = 0;
	} else if (stream->epoch_ns && stream->epoch_bytes >= CHOICE_EPOCH) {
		enum choice_mode before = stream->mode;

		stream_set_mode(file,
			choice_report(stream->class, before, stream->epoch_bytes, now - stream->epoch_ns));
		stream->epoch_ns = stream->mode == before ? now : 0;
		stream->epoch_bytes = 0;
	}
	stream->epoch_bytes += size;
	lock_drop(&file->volume->choice_lock, LOCK_CHOICE);
}

static void stream_end(struct backend_file *file)
{
	struct stream *stream = &file->stream;

	if (stream->window)
		window_shut(stream->window);
	if (stream->class) {
		lock_take(&file->volume->choice_lock, LOCK_CHOICE);
		choice_abandon(stream->class, stream->mode);
		lock_drop(&file->volume->choice_lock, LOCK_CHOICE);
		stream->class = NULL;
	}
}

static void stream_need_window(struct backend_file *file)
{
	struct backend *backend = file->backend;
	struct window_file from = {
		.fd = file->direct_fd,
		.align = file->facts.offset_align,
		.local = file->volume->local,
	};

	if (file->stream.window || file->direct_refused || file->direct_fd < 0 || !backend->windows.readahead)
		return;
	from.node = nodes_get(&backend->nodes, file->node->dev, file->node->ino);
	if (!from.node)
		return;
	file->stream.window = window_new(&backend->windows, &from);
	if (!file->stream.window)
		nodes_put(&backend->nodes, from.node);
}

/* No lock is held from here on. */

struct stream_answer stream_note(struct backend_file *file, off_t offset, size_t size)
{
	struct stream_answer answer = {0};
	struct stream *stream = &file->stream;
	enum detect_order before;

	lock_take(&file->lock, LOCK_FILE);
	before = stream->order;
	stream->order = detect_read(&stream->detect, &file->backend->limits, offset, size);
	if (stream->order == DETECT_NONE) {
		if (before != DETECT_NONE)
			stream_end(file);
		answer.random = size < file->backend->limits.after && detect_jumped(&stream->detect);
	} else {
		if (before == DETECT_NONE)
			backend_count(&file->backend->stats.streams, 1);
		stream_measure(file, size);
		if (stream->mode == CHOICE_WINDOW)
			stream_need_window(file);
		if (stream->window) {
			window_get(stream->window);
			answer.window = stream->window;
			answer.ahead = stream->mode == CHOICE_WINDOW;
		}
	}
	answer.order = stream->order;
	answer.record = stream->detect.record;
	lock_drop(&file->lock, LOCK_FILE);
	return answer;
}

bool stream_close(struct backend_file *file)
{
	stream_end(file);
	if (!file->stream.window)
		return false;
	window_close(file->stream.window);
	return true;
}
