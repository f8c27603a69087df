#include "backends/stream.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"

enum {
	PAUSE_NS = 200000000, /* a reader that rested so long measured itself, not the device */
};

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

static void stream_restart_epoch(struct stream *stream)
{
	stream->epoch_bytes = 0;
	stream->epoch_ns = 0;
}

static void stream_set_mode(struct stream *stream, enum choice_mode mode)
{
	if (stream->host->window_always)
		mode = CHOICE_WINDOW;
	if (stream->mode == mode)
		return;
	stream->mode = mode;
	backend_count(mode == CHOICE_WINDOW ? &stream->host->windows.stats->window_opened
					    : &stream->host->windows.stats->window_shut,
		1);
	if (mode == CHOICE_STRAIGHT && stream->window)
		window_stop(stream->window);
}

/* Requests of another size are another case: what was measured so far counts for nothing. */
static void stream_set_class(struct stream *stream, size_t size)
{
	struct choice_class *class = choice_class_of(&stream->volume->choice, size);

	if (class == stream->class)
		return;
	if (stream->class)
		choice_abandon(stream->class, stream->mode);
	stream->class = class;
	stream_set_mode(stream, choice_start(class));
	stream_restart_epoch(stream);
}

static void stream_measure(struct stream *stream, size_t size)
{
	uint64_t now = clock_now_ns();

	lock_take(&stream->volume->choice_lock, LOCK_CHOICE);
	stream_set_class(stream, size);
	if (now - stream->last_ns > PAUSE_NS)
		stream_restart_epoch(stream);
	stream->last_ns = now;
	if (!stream->epoch_ns && stream->epoch_bytes >= CHOICE_SETTLING) {
		stream->epoch_ns = now;
		stream->epoch_bytes = 0;
	} else if (stream->epoch_ns && stream->epoch_bytes >= CHOICE_EPOCH) {
		enum choice_mode before = stream->mode;

		stream_set_mode(stream,
			choice_report(stream->class, before, stream->epoch_bytes, now - stream->epoch_ns));
		stream->epoch_ns = stream->mode == before ? now : 0;
		stream->epoch_bytes = 0;
	}
	stream->epoch_bytes += size;
	lock_drop(&stream->volume->choice_lock, LOCK_CHOICE);
}

static void stream_end(struct stream *stream)
{
	if (stream->window)
		window_shut(stream->window);
	if (stream->class) {
		lock_take(&stream->volume->choice_lock, LOCK_CHOICE);
		choice_abandon(stream->class, stream->mode);
		lock_drop(&stream->volume->choice_lock, LOCK_CHOICE);
		stream->class = NULL;
	}
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
	struct stream_answer answer = {0};
	enum detect_order before;

	before = stream->order;
	stream->order = detect_read(&stream->detect, &stream->host->limits, offset, size);
	if (stream->order == DETECT_NONE) {
		if (before != DETECT_NONE)
			stream_end(stream);
		answer.random = size < stream->host->limits.after && detect_jumped(&stream->detect);
	} else {
		if (before == DETECT_NONE)
			backend_count(&stream->host->windows.stats->streams, 1);
		stream_measure(stream, size);
		if (stream->mode == CHOICE_WINDOW)
			stream_need_window(stream, direct_fd);
		if (stream->window) {
			window_get(stream->window);
			answer.window = stream->window;
			answer.ahead = stream->mode == CHOICE_WINDOW;
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
