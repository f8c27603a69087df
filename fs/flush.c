#include "fs/flush.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cache/base/log.h"
#include "cache/base/page_cache.h"
#include "cache/flush/flusher.h"
#include "fs/handle.h"
#include "fs/server.h"
#include "fs/throttle.h"

#define KERNEL_PERIOD "/proc/sys/vm/dirty_writeback_centisecs"
#define PERIOD_MS 5000 /* the kernel's default; also used if the kernel's flusher is off */
/* Files that may be dirty take at most this part of memory; each takes up to FILE_BYTES, its inode
 * included. */
#define FILES_SHARE 64
#define FILE_BYTES 256
#define FILES_MIN 4096
#define FILES_MAX (1 << 20)

/* --- callbacks of the flusher ----------------------------------------------------------------- */

static int open_inode(void *context, void *file)
{
	struct server *server = context;

	return tree_open(server->tree, file, O_RDONLY);
}

static void hold_inode(void *context, void *file)
{
	struct server *server = context;

	tree_hold(server->tree, file);
}

static void let_go_of_inode(void *context, void *file)
{
	struct server *server = context;

	tree_put(server->tree, file, 1);
}

static void say_failure(void *context, void *file, int error)
{
	struct server *server = context;
	char path[PATH_MAX];

	if (atomic_exchange(&server->flush_error, error) == error)
		return; /* it was logged; the counter goes on */
	tree_path(server->tree, server->options.source, file, path);
	log_warning("writeback of %s could not be started: %s", *path ? path : "a file", strerror(error));
}

/* --- start ------------------------------------------------------------------------------------ */

static int64_t period_of(const struct options *o)
{
	g_autofree char *text = NULL;
	int64_t centiseconds = 0;

	if (o->dirty_writeback_ms != OPTION_WORD)
		return (int64_t)o->dirty_writeback_ms;
	if (g_file_get_contents(KERNEL_PERIOD, &text, NULL, NULL))
		centiseconds = g_ascii_strtoll(text, NULL, 10);
	return centiseconds > 0 ? centiseconds * 10 : PERIOD_MS;
}

static uint64_t pages_of(uint64_t bytes)
{
	return bytes == OPTION_WORD ? DIRTY_UNLIMITED : bytes / PAGE_CACHE_PAGE;
}

static struct dirty_limits limits_of(const struct options *o)
{
	return (struct dirty_limits){
		.expire_ms = o->dirty_expire_ms == OPTION_WORD ? DIRTY_NEVER : (int64_t)o->dirty_expire_ms,
		.period_ms = period_of(o),
		.background = pages_of(o->dirty_background),
		.max = pages_of(o->dirty_max),
		.files = CLAMP(o->memory / FILES_SHARE / FILE_BYTES, FILES_MIN, FILES_MAX),
	};
}

int flush_start(struct server *server)
{
	const struct options *o = &server->options;
	const struct dirty_limits limits = limits_of(o);
	const struct flusher_host host = {
		.open = open_inode,
		.hold = hold_inode,
		.let_go = let_go_of_inode,
		.failed = say_failure,
		.context = server,
	};
	int r;

	if (!options_have_thresholds(o))
		return 0;
	r = flusher_new(&limits, &host, &server->flusher);
	if (r == -ENOSYS)
		log_error("options dirty_*: the kernel has no cachestat(2) (Linux 6.5 has)");
	else if (r < 0)
		log_error("options dirty_*: %s", strerror(-r));
	else if (server->stacked)
		log_warning("options dirty_*: SOURCE is on a stacked file system; where that does not show "
			    "its dirty data, only the kernel's thresholds apply");
	return r;
}

void flush_follow_options(struct server *server)
{
	const struct dirty_limits limits = limits_of(&server->options);

	if (server->flusher)
		flusher_set_limits(server->flusher, &limits);
}

/* --- files ------------------------------------------------------------------------------------ */

void flush_opened(struct server *server, struct handle *handle, const struct statx *stx, int flags)
{
	const struct flusher_open how = {
		.device = makedev(stx->stx_dev_major, stx->stx_dev_minor),
		.may_map = handle_may_map_for_writing(handle),
		.nameless = (flags & O_TMPFILE) == O_TMPFILE,
	};

	if (handle_may_write(handle))
		handle->flushes = flusher_begin(server->flusher, handle->inode, &how);
}

void flush_closed(struct server *server, struct handle *handle)
{
	if (handle->flushes)
		flusher_end(server->flusher, handle->inode, handle->fd);
	handle->flushes = false;
}

bool flush_is_throttled(struct server *server, const struct handle *handle)
{
	bool by_daemon = handle->lane == LANE_DIRECT || handle->lane == LANE_SERVED ||
			 handle->lane == LANE_CACHED_WRITE;

	if (!server->throttle || !handle->flushes || (by_daemon && !handle->around))
		return false;
	flusher_count(server->flusher, handle->inode, handle->fd);
	return throttle_is_due(server, handle->inode);
}

void flush_removed(struct server *server, const struct tree_leaving *leaving)
{
	if (leaving->inode && leaving->last)
		flusher_removed(server->flusher, leaving->inode);
}

void flush_named(struct server *server, struct inode *inode)
{
	flusher_named(server->flusher, inode);
}
