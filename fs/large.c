#include "fs/large.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/sysmacros.h>

#include "backends/backend.h"
#include "cache/base/lock_order.h"
#include "cache/trail/trail.h"
#include "fs/options/memory.h"

/* bytes/s. On a slower volume trailed write streams are not tried: every program writes faster than the
 * volume, and trailing does not slow it down. */
#define WRITE_RATE_MIN 1000000000

/* --- at the start ----------------------------------------------------------------------------- */

static enum lane read_lane_of(const struct options *o)
{
	switch (o->large) {
	case OPT_LARGE_PLAIN:
		return LANE_PLAIN;
	case OPT_LARGE_DIRECT:
		return LANE_DIRECT;
	case OPT_LARGE_STREAM:
	case OPT_LARGE_TRAIL:
		break;
	}
	return LANE_TRAILED;
}

static enum lane write_lane_of(const struct options *o)
{
	switch (o->large_write) {
	case OPT_WRITE_TRAIL:
	case OPT_WRITE_MEASURED:
		return LANE_TRAILED;
	case OPT_WRITE_DIRECT:
		return LANE_DIRECT;
	case OPT_WRITE_PLAIN:
		return LANE_PLAIN;
	case OPT_WRITE_AUTO:
		break;
	}
	return o->large == OPT_LARGE_PLAIN ? LANE_PLAIN : LANE_DIRECT;
}

static void choose_read_lane(struct server *server, bool may_trail)
{
	server->large_why = "as the option large says";
	if (!server->limits.stream)
		return;
	if (may_trail) {
		server->large_why = "the kernel has cachestat(2), which trailing needs";
	} else {
		server->limits.large = LANE_DIRECT;
		server->large_why = "the kernel has no cachestat(2) (Linux 6.5), which trailing needs";
	}
}

static void choose_write_lane(struct server *server, bool may_trail)
{
	switch (server->options.large_write) {
	case OPT_WRITE_AUTO:
		server->large_write_why = "the default: programs that write faster than the disk are slowed";
		break;
	case OPT_WRITE_MEASURED:
		server->write_ways = (struct ways){.around_first = true, .around_min = WRITE_RATE_MIN};
		server->large_write_why = "direct, or trailed where that was faster and within its bound";
		break;
	default:
		server->large_write_why = "as the option large_write says";
		break;
	}
	if (server->options.large == OPT_LARGE_PLAIN && server->options.large_write == OPT_WRITE_AUTO)
		server->large_write_why = "as the option large says";
	if (may_trail || server->limits.large_write != LANE_TRAILED)
		return;
	server->limits.large_write = LANE_DIRECT;
	server->large_write_why = "the kernel has no cachestat(2) (Linux 6.5), which trailing needs";
}

static uint64_t memory_of_program(pid_t program)
{
	return memory_limit_of("", program);
}

int large_start(struct server *server)
{
	const struct options *o = &server->options;
	const struct trail_settings settings = {
		.window = o->stream_window,
		.stay = o->large_keep,
		.memory_of = memory_of_program,
		.memory = o->direct_memory,
		.large = o->large_min,
	};
	bool wanted = g_strcmp0(g_getenv("SIEVEFS_TRAIL"), "none") != 0; /* for tests */
	int r = wanted ? trail_new(&settings, &server->trail) : -ENOSYS;

	server->limits.large = read_lane_of(o);
	server->limits.large_write = write_lane_of(o);
	server->limits.stream = o->large == OPT_LARGE_STREAM || o->large == OPT_LARGE_TRAIL;
	choose_read_lane(server, r == 0);
	choose_write_lane(server, r == 0);
	if (server->source_in_memory && server->limits.stream) {
		server->limits.large = server->limits.large_write = LANE_PLAIN;
		server->large_why = server->large_write_why =
			"SOURCE is in memory: its page cache is the files themselves";
	}
	return r == -ENOSYS ? 0 : r;
}

void large_follow_size(struct server *server)
{
	uint64_t large_min = server->live.large_min;

	trail_set_large(server->trail, large_min);
	backend_set_write_direct_from(server->backend, (off_t)MIN(large_min, (uint64_t)INT64_MAX));
}

/* --- an open ---------------------------------------------------------------------------------- */

static bool is_measured(const struct opening *o)
{
	const struct options *options = &o->server->options;

	if (o->rule.has_lane)
		return false;
	return o->writes ? options->large_write == OPT_WRITE_MEASURED : options->large == OPT_LARGE_STREAM;
}

/* Trailed or direct, by the rates measured on the file's volume. */
static enum lane faster_lane(const struct opening *o)
{
	dev_t device = makedev(o->stx.stx_dev_major, o->stx.stx_dev_minor);
	struct ways *ways = o->writes ? &o->server->write_ways : &o->server->ways;
	struct server *server = o->server;
	bool exceeded = false, goes_around;
	uint64_t trailed, around;

	if (o->writes) {
		trailed = trail_write_rate(server->trail, device, &exceeded);
		around = backend_write_rate(server->backend, device);
	} else {
		trailed = trail_rate(server->trail, device);
		around = backend_read_rate(server->backend, device);
	}
	lock_take(&server->ways_lock, LOCK_WAYS);
	if (exceeded)
		ways_exceeded(ways, device);
	goes_around = ways_choose(ways, device, trailed, around);
	lock_drop(&server->ways_lock, LOCK_WAYS);
	return goes_around ? LANE_DIRECT : LANE_TRAILED;
}

void large_follow(struct opening *o)
{
	struct server *server = o->server;
	struct trail_open how = {
		.fd = o->handle->fd,
		.may_stay =
			!o->writes && !tree_is_mounted_below(o->handle->inode), /* else umount would fail */
		.writes = o->writes,
		.reader = o->reader,
	};
	uint64_t id = o->handle->inode->nodeid;
	int r;

	if (o->preferred == LANE_TRAILED && is_measured(o))
		o->preferred = faster_lane(o);
	if (o->preferred != LANE_TRAILED)
		return;
	r = trail_begin(server->trail, id, &how);
	if (r == -ENOENT) {
		how.fd = handle_fd(server, o->handle);
		r = how.fd < 0 ? how.fd : trail_begin(server->trail, id, &how);
	}
	o->handle->trailed = r == 0;
	if (r < 0)
		o->preferred = LANE_DIRECT;
}

void large_foresee(struct opening *o)
{
	struct server *server = o->server;
	dev_t device = makedev(o->stx.stx_dev_major, o->stx.stx_dev_minor);
	bool goes_around = false;

	if (o->preferred != LANE_TRAILED)
		return;
	if (is_measured(o)) {
		lock_take(&server->ways_lock, LOCK_WAYS);
		goes_around = ways_peek(o->writes ? &server->write_ways : &server->ways, device);
		lock_drop(&server->ways_lock, LOCK_WAYS);
	}
	if (goes_around || !server->trail)
		o->preferred = LANE_DIRECT;
}

void large_unfollow(struct server *server, struct handle *handle)
{
	if (handle->trailed)
		trail_end(server->trail, handle->inode->nodeid);
	handle->trailed = false;
}

/* --- explanations ----------------------------------------------------------------------------- */

static void append_ways(struct server *server, const struct ways *ways, GString *out)
{
	const char *between = "; ";

	lock_take(&server->ways_lock, LOCK_WAYS);
	for (int i = 0; i < WAYS_VOLUMES; i++) {
		const struct way *way = &ways->volumes[i];

		if (!way->volume)
			continue;
		g_string_append_printf(out, "%s%u:%u %s", between, major(way->volume), minor(way->volume),
			lane_names[way->around ? LANE_DIRECT : LANE_TRAILED]);
		if (way->trailed_rate && way->around_rate)
			g_string_append_printf(out, " (trailed %" PRIu64 ", direct %" PRIu64 " MB/s)",
				way->trailed_rate / 1000000, way->around_rate / 1000000);
		if (way->gave_up)
			g_string_append(out, ", trailed streams exceeded their bound");
		between = ", ";
	}
	lock_drop(&server->ways_lock, LOCK_WAYS);
}

GString *large_read_why(struct server *server)
{
	GString *out = g_string_new(server->large_why);

	if (server->options.large == OPT_LARGE_STREAM && server->limits.large == LANE_TRAILED)
		append_ways(server, &server->ways, out);
	return out;
}

GString *large_write_why(struct server *server)
{
	GString *out = g_string_new(server->large_write_why);

	if (server->options.large_write == OPT_WRITE_MEASURED && server->limits.large_write == LANE_TRAILED)
		append_ways(server, &server->write_ways, out);
	return out;
}
