#include "backends/stream.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"

void stream_init(struct stream *stream, struct stream_host *host, struct volume *volume, struct node *node,
	const struct volume_file *facts)
{
	*stream = (struct stream){
		.host = host,
		.volume = volume,
		.node = node,
		.align = facts->offset_align,
	};
}

static void stream_set_mode(struct stream *stream, enum stream_mode mode)
{
	if (stream->mode == mode)
		return;
	stream->mode = mode;
	backend_count(mode == STREAM_WINDOW ? &stream->host->windows.stats->window_opened
					    : &stream->host->windows.stats->window_shut,
		1);
	if (mode == STREAM_STRAIGHT && stream->window)
		window_stop(stream->window);
}

static void stream_measure(struct stream *stream, size_t size)
{
	struct volume *volume = stream->volume;
	enum stream_mode mode;

	if (stream->host->window_always)
		return;
	lock_take(&volume->mode_lock, LOCK_STREAM_MODE);
	mode = stream_mode_note(&volume->read_modes, &stream->meter, size, clock_now_ns());
	lock_drop(&volume->mode_lock, LOCK_STREAM_MODE);
	stream_set_mode(stream, mode);
}

static void stream_end(struct stream *stream)
{
	if (stream->window)
		window_shut(stream->window);
	if (!stream->meter.class)
		return;
	lock_take(&stream->volume->mode_lock, LOCK_STREAM_MODE);
	stream_mode_end(&stream->meter);
	lock_drop(&stream->volume->mode_lock, LOCK_STREAM_MODE);
}

static void stream_need_window(struct stream *stream, int direct_fd)
{
	struct window_host *windows = &stream->host->windows;
	struct window_file from = {
		.fd = direct_fd,
		.align = stream->align,
		.local = stream->volume->local,
	};

	if (stream->window || direct_fd < 0 || !windows->readahead)
		return;
	from.node = nodes_get(windows->nodes, stream->node->dev, stream->node->ino);
	if (!from.node)
		return;
	stream->window = window_new(windows, &from);
	if (!stream->window)
		nodes_put(windows->nodes, from.node);
}

struct stream_answer stream_note(struct stream *stream, int direct_fd, off_t offset, size_t size)
{
	const struct detect_limits limits = {.after = stream->host->after, .gap = stream->host->gap};
	struct stream_answer answer = {0};
	enum detect_order before;

	before = stream->order;
	stream->order = detect_read(&stream->detect, &limits, offset, size);
	if (stream->order == DETECT_NONE) {
		if (before != DETECT_NONE)
			stream_end(stream);
		answer.random = size < limits.after && detect_jumped(&stream->detect);
	} else {
		if (before == DETECT_NONE)
			backend_count(&stream->host->windows.stats->streams, 1);
		stream_measure(stream, size);
		if (stream->mode == STREAM_WINDOW)
			stream_need_window(stream, direct_fd);
		if (stream->window) {
			window_get(stream->window);
			answer.window = stream->window;
			answer.ahead = stream->mode == STREAM_WINDOW;
		}
	}
	answer.order = stream->order;
	answer.record = stream->detect.record;
	return answer;
}

bool stream_close(struct stream *stream)
{
	stream_end(stream);
	if (!stream->window)
		return false;
	window_close(stream->window);
	return true;
}
