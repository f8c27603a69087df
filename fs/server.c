#include "fs/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/backend.h"
#include "cache/base/clock.h"
#include "cache/base/log.h"
#include "cache/flush/flusher.h"
#include "cache/store/charged.h"
#include "cache/store/store_copy.h"
#include "cache/trail/trail.h"
#include "fs/advice.h"
#include "fs/control/exporter.h"
#include "fs/copy.h"
#include "fs/dir.h"
#include "fs/flush.h"
#include "fs/io.h"
#include "fs/kernel.h"
#include "fs/lane.h"
#include "fs/large.h"
#include "fs/lock.h"
#include "fs/lock_wait.h"
#include "fs/observe.h"
#include "fs/op_work.h"
#include "fs/options/generic_options.h"
#include "fs/options/memory.h"
#include "fs/pinned.h"
#include "fs/queues.h"
#include "fs/status.h"
#include "fs/threads.h"
#include "fs/throttle.h"
#include "fs/users/creds.h"

#define FD_SET_MAX 4096

/* An automount point that is both SOURCE and MOUNTPOINT shows the mounting process an empty directory. */
static bool is_own_automount_point(const struct options *options, int source_fd)
{
	struct statfs fs;

	return strcmp(options->source, options->mountpoint) == 0 && fstatfs(source_fd, &fs) == 0 &&
	       fs.f_type == AUTOFS_SUPER_MAGIC;
}

static int start_tree(struct server *server, unsigned descriptors)
{
	int fd = open(server->options.source, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0) {
		log_error("SOURCE %s: %s", server->options.source, strerror(errno));
		return -errno;
	}
	if (is_own_automount_point(&server->options, fd)) {
		log_error("SOURCE %s: is the automount point itself; takes another directory",
			server->options.source);
		close(fd);
		return -EINVAL;
	}
	r = tree_new(&server->tree, fd, MAX(32, MIN(descriptors / 2, FD_SET_MAX)));
	if (r < 0)
		log_error("SOURCE %s: %s", server->options.source, strerror(-r));
	if (r < 0)
		return r;
	if (server->options.generic_flags & (GENERIC_RO | GENERIC_NOATIME))
		tree_leave_times(server->tree);
	if (g_strcmp0(g_getenv("SIEVEFS_DESCRIPTORS"), "none") == 0) /* for tests */
		tree_keep_no_descriptors(server->tree);
	return 0;
}

/* Half of the descriptors are for reaching files, a quarter for objects of a store without tmpfs, the rest
 * for open files. */
static int start_cache(struct server *server, unsigned descriptors)
{
	const struct options *o = &server->options;
	struct cache_options options = {
		.budget = o->cache_size,
		.growth = MAX(o->cache_size / 4, 8 * o->small_max),
		.admit = o->admit,
		.descriptors = descriptors / 4,
		.policy = evict_catalogue[o->evict],
	};
	struct cache_owner owner = {.let_go = copy_let_go, .watch = copy_watch, .ctx = server};
	int r = kernel_choose_store(server, &options.store);

	if (r < 0)
		return r;
	if (server->pins)
		owner.let_go = pinned_let_go;
	r = cache_new(&server->cache, &options, &owner);
	server->advice = r == 0 ? advice_new(server) : NULL;
	if (r == 0 && !server->advice)
		r = -ENOMEM;
	if (r < 0)
		log_error("cannot create the cache: %s", strerror(-r));
	else if (!server->pins && server->passthrough && store_copy_mount_error(cache_store(server->cache)))
		log_warning("store: cannot mount a tmpfs (%s); copies are memfds, at most %u files",
			strerror(-store_copy_mount_error(cache_store(server->cache))), descriptors / 4);
	return r;
}

static void backend_says(void *context, int priority, const char *line)
{
	(void)context;
	log_write(priority <= LOG_LEVEL_WARNING ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s", line);
}

static int start_backend(struct server *server)
{
	struct backend_settings settings;
	int r;

	backend_settings_init(&settings);
	settings.memory = server->options.direct_memory;
	settings.readahead = server->options.direct_readahead;
	settings.depth = server->options.direct_depth;
	settings.stream_after = server->options.stream_after;
	settings.stream_gap = server->options.stream_gap;
	settings.write_direct_from = (off_t)MIN(server->options.large_min, (uint64_t)INT64_MAX);
	settings.log = backend_says;
	settings.faults = g_getenv("SIEVEFS_FAULT"); /* for tests */
	r = backend_new(&settings, &server->backend);
	if (r < 0)
		log_error("cannot start the I/O engine: %s", strerror(-r));
	return r;
}

static int start_locks(struct server *server)
{
	if (server->options.locks == LOCKS_LOCAL)
		return 0;
	server->locks = lock_table_new(server);
	if (server->locks)
		return 0;
	log_error("locks=shared: %s", strerror(ENOMEM));
	return -ENOMEM;
}

static int start_rules(struct server *server)
{
	const struct options *o = &server->options;
	const struct pressure_limits limits = {
		.floor = o->memory_floor,
		.cache_min = o->cache_min,
		.cache_size = o->cache_size,
	};
	g_autofree char *error = NULL;
	int r;

	memory_floor_init(&server->memory_floor, &limits, "");
	live_rules_init(&server->live_rules);
	r = o->rules ? live_rules_load(&server->live_rules, o->rules, &error) : 0;
	if (r < 0)
		log_error("%s", error);
	return r;
}

int server_start(struct server *server, unsigned descriptors)
{
	const struct options *o = &server->options;
	int r;

	server->start_time = time(NULL);
	server->started_us = clock_now_us();
	settings_init(server);
	server->limits = (struct classify_limits){
		.mid = o->mid == OPT_MID_DIRECT ? LANE_DIRECT : LANE_PLAIN,
	};
	handle_list_init(&server->handles);
	pthread_mutex_init(&server->ways_lock, NULL);
	pthread_mutex_init(&server->listing_lock, NULL);
	io_limit_idle(o->memory);
	server->privileged = creds_privileged();
	server->control = (struct control){.verbs = status_verbs, .context = server, .owner = geteuid()};
	server->observer = observe_new(server);
	r = server->observer ? start_rules(server) : -ENOMEM;
	if (r == 0)
		r = kernel_choose_transport(server);
	if (r == 0)
		r = kernel_choose_passthrough(server);
	if (r == 0)
		r = start_tree(server, descriptors);
	if (r == 0)
		r = start_cache(server, descriptors);
	if (r == 0)
		r = pin_list_start(server);
	if (r == 0)
		r = start_backend(server);
	if (r == 0)
		r = start_locks(server);
	return r;
}

/* The threads of the pools stay: over io_uring a reply also asks for the next request, and the kernel cancels
 * what an exiting thread has asked for. */
int server_start_pools(struct server *server)
{
	const struct pool_settings fill = {"sieve-fill", 2, server->pins ? pinned_fill : copy_fill, server};
	const struct pool_settings work = {"sieve-work", 16, op_work_in_pool, server};
	const struct pool_settings wait = {"sieve-wait", 8, op_work_in_pool, server};
	int r = pool_new(&fill, &server->fillers);

	if (r == 0)
		r = pool_new(&work, &server->workers);
	if (r == 0)
		r = pool_new(&wait, &server->waiters);
	if (r == 0)
		r = large_start(server);
	if (r == 0)
		r = flush_start(server);
	if (r == 0 && server->options.dirty_max != OPTION_WORD)
		r = throttle_new(server, &server->throttle);
	if (r == 0 && server->uring && server->may_leave_idle &&
		server->options.queue_class == QUEUE_CLASS_AUTO)
		r = queues_new(&server->queues);
	if (r == 0 && server->locks)
		r = lock_waiting_new(server, &server->lock_waiting);
	/* over io_uring each request that waits occupies an entry of its CPU's queue */
	server->waiting_max = server->uring ? MAX(1, server->uring_depth / 2) : UINT_MAX;
	return r;
}

static void render_metrics(void *server, GString *out)
{
	status_metrics(server, out);
}

int server_start_exporter(struct server *server)
{
	const struct exporter_settings settings = {
		.address = server->options.metrics,
		.idle_s = EXPORTER_IDLE_S,
		.render = render_metrics,
		.context = server,
	};
	g_autofree char *error = NULL;
	int r = settings.address ? exporter_new(&settings, &server->exporter, &error) : 0;

	if (r < 0)
		log_error("%s", error);
	return r;
}

void server_stop(struct server *server)
{
	exporter_free(server->exporter);
	throttle_free(server->throttle);
	queues_free(server->queues);
	pool_free(server->fillers);
	pool_free(server->workers);
	pool_free(server->waiters);
	lock_waiting_free(server->lock_waiting);
	io_wait_all(server);
	if (server->tree && server->cache) {
		lane_release_all(server);
		dir_free_all();
		control_close_all();
		pin_list_stop(server);
		copy_drop_all(server);
	}
	trail_free(server->trail);
	flusher_free(server->flusher);
	lock_table_free(server->locks);
	cache_free(server->cache);
	advice_free(server->advice);
	tree_free(server->tree);
	live_rules_deinit(&server->live_rules);
	backend_free(server->backend);
	g_free(server->transport_why);
	g_free(server->store_why);
	charged_free(server->charged);
	observe_free(server->observer);
	io_drain();
	payload_forget_all();
}
