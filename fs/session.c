#include "fs/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backends/backend.h"
#include "backends/fstype.h"
#include "fs/copy.h"
#include "fs/creds.h"
#include "fs/generic_options.h"
#include "fs/io.h"
#include "fs/lane.h"
#include "fs/log.h"
#include "fs/ops.h"
#include "fs/ops_control.h"
#include "fs/status.h"
#include "fs/transport.h"

#define MAX_WRITE (1 << 20)
#define PAGE 4096
#define FD_SET_MAX 4096
#define WORKER_THREADS 64

struct session {
	struct server server;
	void (*ready)(void);
	GThread *ticker, *rescuer, *starter;
	GMutex lock; /* for ending */
	GCond wake;
	bool ending;
	bool refused; /* INIT did not bring what was asked for */
	bool mounted;
};

/* --- what the kernel offers ------------------------------------------------------------------- */

static bool uring_is_on(void)
{
	char word[8] = "";
	FILE *f = fopen(TRANSPORT_URING_SWITCH, "re");

	if (!f)
		return false;
	if (!fgets(word, sizeof(word), f))
		word[0] = '\0';
	fclose(f);
	return word[0] == 'Y' || word[0] == '1';
}

static int choose_transport(struct server *server)
{
	const char *source = server->options.source;
	struct transport_facts facts = {
		.wish = server->options.transport,
		.libfuse_is_safe = LIBFUSE_URING_IS_SAFE,
		.switched_on = uring_is_on(),
	};
	struct statfs fs;
	int r;

	if (statfs(source, &fs) < 0) {
		log_error("SOURCE %s: %s", source, strerror(errno));
		return -errno;
	}
	facts.source = fstype_find((uint32_t)fs.f_type);
	r = transport_choose(&facts, &server->uring, &server->transport_why);
	if (r < 0)
		log_error("transport=uring: %s", server->transport_why);
	return r;
}

/* Each CPU has a queue, and each request of it 1 MiB. */
static unsigned choose_uring_depth(const struct server *server)
{
	int cpus = get_nprocs_conf();

	if (server->options.uring_depth)
		return server->options.uring_depth;
	return cpus <= 8 ? 8 : cpus <= 32 ? 4 : 2;
}

static bool is_mount_admin(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;

	if (!caps)
		return false;
	cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &value);
	cap_free(caps);
	return value == CAP_SET;
}

static bool is_stacked(const char *source)
{
	struct statfs fs;
	struct stat st;

	return statfs(source, &fs) == 0 && stat(source, &st) == 0 && major(st.st_dev) == 0 &&
	       fstype_find((uint32_t)fs.f_type)->may_be_stacked;
}

static int choose_passthrough(struct server *server)
{
	server->stacked = is_stacked(server->options.source);
	server->passthrough = server->options.passthrough != PASSTHROUGH_OFF && is_mount_admin();
	if (server->passthrough || server->options.passthrough == PASSTHROUGH_OFF)
		return 0;
	if (server->options.passthrough == PASSTHROUGH_ON) {
		log_error(
			"passthrough=on: needs CAP_SYS_ADMIN (root); without it use passthrough=auto or off");
		return -EPERM;
	}
	return 0;
}

/* Once it is sure that there will be a mount: a refusal is one line. */
static void say_what_was_chosen(const struct server *server)
{
	const struct options *o = &server->options;

	if (o->warning)
		log_warning("%s", o->warning);
	if (o->transport == TRANSPORT_AUTO)
		log_write(server->uring ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "transport: %s; %s",
			server->uring ? "io_uring" : "/dev/fuse", server->transport_why);
	if (!server->passthrough && o->passthrough == PASSTHROUGH_AUTO)
		log_info("passthrough: not without CAP_SYS_ADMIN; all files are served by the daemon, "
			 "several times slower "
			 "than the lanes cached and plain that root gets");
	if (!tree_has_handles(server->tree))
		log_info("SOURCE %s: files cannot be opened by handle here; they are found by their names, "
			 "with a bounded "
			 "set of descriptors",
			o->source);
}

static void want(struct fuse_conn_info *conn, uint64_t flag)
{
	if (conn->capable_ext & flag)
		fuse_set_feature_flag(conn, flag);
}

static unsigned max_read_of(const struct server *server)
{
	return (unsigned)(server->options.max_read & ~(uint64_t)(PAGE - 1));
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct server *server = userdata;
	struct session *session = (struct session *)server;

	want(conn, FUSE_CAP_ATOMIC_O_TRUNC);
	want(conn, FUSE_CAP_EXPORT_SUPPORT);
	want(conn, FUSE_CAP_PARALLEL_DIROPS);
	want(conn, FUSE_CAP_ASYNC_DIO);
	want(conn, FUSE_CAP_READDIRPLUS);
	want(conn, FUSE_CAP_READDIRPLUS_AUTO);
	want(conn, FUSE_CAP_DONT_MASK);
	want(conn, FUSE_CAP_POSIX_ACL);
	want(conn, FUSE_CAP_HANDLE_KILLPRIV_V2);
	want(conn, FUSE_CAP_DIRECT_IO_ALLOW_MMAP);
	fuse_unset_feature_flag(conn, FUSE_CAP_WRITEBACK_CACHE);
	fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_READ); /* op_write wants the bytes */
	conn->max_write = MAX_WRITE;
	conn->max_read = max_read_of(server); /* libfuse wants to hear it twice */
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->time_gran = 1;
	conn->no_interrupt = 1; /* no request here can be given up half-way */
	if (server->passthrough && !(conn->capable_ext & FUSE_CAP_PASSTHROUGH)) {
		server->passthrough = false;
		if (server->options.passthrough == PASSTHROUGH_ON) {
			log_error("passthrough=on: this kernel has no FUSE passthrough (Linux 6.9 has)");
			session->refused = true;
			fuse_session_exit(server->session);
		} else {
			log_info("passthrough: not in this kernel (Linux 6.9 has it); all files are served "
				 "by the daemon");
		}
	}
	if (server->passthrough) {
		want(conn, FUSE_CAP_PASSTHROUGH);
		/* of the two layers that the kernel allows, the one that SOURCE does not need is for others
		 */
		conn->max_backing_stack_depth =
			server->stacked ? FUSE_BACKING_STACKED_OVER : FUSE_BACKING_STACKED_UNDER;
	}
}

static const struct fuse_lowlevel_ops file_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.statx = op_statx,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.link = op_link,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.open = op_open,
	.create = op_create,
	.tmpfile = op_tmpfile,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.fallocate = op_fallocate,
	.lseek = op_lseek,
	.copy_file_range = op_copy_file_range,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.fsyncdir = op_fsyncdir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.ioctl = op_ioctl,
};

/* --- the server's parts ----------------------------------------------------------------------- */

/* Returns how many descriptors there are. */
static unsigned raise_descriptor_limit(void)
{
	struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20}, now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return 1024;
	if (now.rlim_max < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit = now;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return (unsigned)MIN(limit.rlim_cur, 1 << 20);
}

/* A user's write is held to his own limit by the kernel, not to that of the shell that mounted; and none of
 * them ends the daemon. */
static void lift_file_size_limit(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) == 0 || getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static int start_tree(struct server *server, unsigned descriptors)
{
	int fd = open(server->options.source, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0) {
		log_error("SOURCE %s: %s", server->options.source, strerror(errno));
		return -errno;
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

/* Of the descriptors half are for reaching files, a quarter for objects of a store without tmpfs; open files
 * have the rest. */
static int start_cache(struct server *server, unsigned descriptors)
{
	const struct options *o = &server->options;
	const struct cache_options options = {
		.budget = o->cache_size,
		.growth = MAX(o->cache_size / 4, 8 * o->small_max),
		.admit = o->admit,
		.descriptors = descriptors / 4,
		.policy = evict_catalogue[o->evict],
	};
	const struct cache_owner owner = {.let_go = copy_let_go, .watch = copy_watch, .ctx = server};
	int r = cache_new(&server->cache, &options, &owner);

	if (r < 0)
		log_error("the cache: %s", strerror(-r));
	else if (server->passthrough && store_mount_error(cache_store(server->cache)))
		log_warning("the store: no tmpfs (%s), memfds instead, for at most %u files",
			strerror(-store_mount_error(cache_store(server->cache))), descriptors / 4);
	return r;
}

static void backend_says(void *context, int priority, const char *line)
{
	(void)context;
	log_write(priority <= LOG_LEVEL_WARNING ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s", line);
}

static int start_backends(struct server *server)
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
	r = backend_direct_new(&settings, &server->direct);
	if (r == 0)
		r = backend_buffered_new(&settings, &server->buffered);
	if (r < 0)
		log_error("the I/O engine: %s", strerror(-r));
	return r;
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

	relief_init(&server->relief, &limits, "");
	ruling_init(&server->ruling);
	r = o->rules ? ruling_load(&server->ruling, o->rules, &error) : 0;
	if (r < 0)
		log_error("%s", error);
	return r;
}

static int start_server(struct server *server, unsigned descriptors)
{
	const struct options *o = &server->options;
	int r;

	server->limits = (struct classify_limits){
		.small_max = o->small_max,
		.large_min = o->large_min,
		.mid = o->mid == OPT_MID_DIRECT ? LANE_DIRECT : LANE_PLAIN,
		.large = o->large == OPT_LARGE_PLAIN ? LANE_PLAIN : LANE_DIRECT,
		.stream = o->large == OPT_LARGE_STREAM,
	};
	pthread_mutex_init(&server->handles.lock, NULL);
	server->privileged = creds_privileged();
	server->control = (struct control){.verbs = status_verbs, .context = server, .owner = geteuid()};
	r = start_rules(server);
	if (r == 0)
		r = choose_transport(server);
	if (r == 0)
		r = choose_passthrough(server);
	if (r == 0)
		r = start_tree(server, descriptors);
	if (r == 0)
		r = start_cache(server, descriptors);
	if (r == 0)
		r = start_backends(server);
	if (r == 0) {
		say_what_was_chosen(server);
		server->fillers = g_thread_pool_new(copy_fill, server, 2, FALSE, NULL);
		/* exclusive, so that its threads stay: over io_uring a reply also asks for the next request,
		 * and the kernel cancels what a thread that leaves has asked for */
		server->workers = g_thread_pool_new(op_work_in_pool, server, 16, TRUE, NULL);
		/* over io_uring each keeps one of its CPU's requests from others */
		server->waiting_max = server->uring ? choose_uring_depth(server) / 2 : UINT_MAX;
		server->waiters = g_thread_pool_new(op_work_in_pool, server, 8, TRUE, NULL);
	}
	return r;
}

static void stop_server(struct server *server)
{
	if (server->fillers)
		g_thread_pool_free(server->fillers, FALSE, TRUE);
	if (server->workers)
		g_thread_pool_free(server->workers, FALSE, TRUE);
	if (server->waiters)
		g_thread_pool_free(server->waiters, FALSE, TRUE);
	io_wait_all(server);
	if (server->tree && server->cache) {
		lane_release_all(server);
		dir_free_all();
		copy_drop_all(server);
	}
	cache_free(server->cache);
	tree_free(server->tree);
	ruling_deinit(&server->ruling);
	backend_free(server->direct);
	backend_free(server->buffered);
	g_free(server->transport_why);
	io_drain();
	payload_forget_all();
}

/* --- mounting --------------------------------------------------------------------------------- */

static void add_escaped(GString *out, const char *value)
{
	for (; *value; value++) {
		if (*value == ',' || *value == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *value);
	}
}

/* libfuse would refuse what a root's mount of any other file system permits; but what SOURCE is denied where
 * it lies does not come back by another path. */
static void add_mount_flags(const struct server *server, GString *list)
{
	const struct options *o = &server->options;
	struct statvfs fs = {0};

	if (statvfs(o->source, &fs) < 0)
		fs.f_flag = ST_NOSUID | ST_NODEV;
	if (server->privileged && !(fs.f_flag & ST_NOSUID))
		g_string_append(list, ",suid");
	if (server->privileged && !(fs.f_flag & ST_NODEV))
		g_string_append(list, ",dev");
	if (fs.f_flag & ST_NOEXEC)
		g_string_append(list, ",noexec");
}

static struct fuse_session *new_session(struct server *server)
{
	const struct options *o = &server->options;
	GString *list = g_string_new(NULL);
	char name[] = "sievefs", dash_o[] = "-o", *argv[] = {name, dash_o, NULL, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_lowlevel_ops ops = file_ops;
	struct fuse_session *session;

	if (!options_has_generic(o, "subtype"))
		g_string_append(list, "subtype=sievefs,");
	if (!options_has_generic(o, "fsname")) {
		g_string_append(list, "fsname=");
		add_escaped(list, o->source);
		g_string_append_c(list, ',');
	}
	g_string_append(list, "default_permissions");
	if (server->privileged && !options_has_generic(o, "allow_other") &&
		!options_has_generic(o, "allow_root"))
		g_string_append(list, ",allow_other");
	add_mount_flags(server, list);
	if (server->uring)
		g_string_append_printf(list, ",io_uring,io_uring_q_depth=%u", choose_uring_depth(server));
	g_string_append_printf(list, ",max_read=%u", max_read_of(server));
	if (o->debug)
		g_string_append(list, ",debug");
	if (o->kernel_options && o->kernel_options->len)
		g_string_append_printf(list, ",%s", o->kernel_options->str);
	argv[2] = list->str;
	control_route(&ops);
	session = fuse_session_new(&args, &ops, sizeof(ops), server);
	fuse_opt_free_args(&args);
	g_string_free(list, TRUE);
	return session;
}

/* The first request that the mount answers. */
static gpointer wait_until_it_answers(gpointer data)
{
	struct session *session = data;
	struct statvfs fs;

	if (statvfs(session->server.options.mountpoint, &fs) == 0 && !session->refused)
		session->ready();
	return NULL;
}

/* Gives memory back while the machine is short of it, and takes it again later. */
static void relieve_memory(struct server *server)
{
	struct cache_figures figures;
	uint64_t target;

	if (!server->options.memory_floor)
		return;
	cache_read_figures(server->cache, &figures);
	target = relief_tick(&server->relief, figures.bytes);
	if (target != figures.budget)
		cache_set_budget(server->cache, target);
}

/* Calls back once a second until the session ends. */
static void each_second(struct session *session, void (*look)(struct session *session))
{
	g_mutex_lock(&session->lock);
	while (!session->ending) {
		if (g_cond_wait_until(
			    &session->wake, &session->lock, g_get_monotonic_time() + G_TIME_SPAN_SECOND))
			continue;
		g_mutex_unlock(&session->lock);
		look(session);
		g_mutex_lock(&session->lock);
	}
	g_mutex_unlock(&session->lock);
}

static void look_after_the_cache(struct session *session)
{
	relieve_memory(&session->server);
	tree_close_idle(session->server.tree);
	cache_tick(session->server.cache);
}

static gpointer tick(gpointer session)
{
	each_second(session, look_after_the_cache);
	return NULL;
}

static void look_after_readers(struct session *session)
{
	io_rescue();
}

/* Apart from the ticker, which may have to wait for the disk. */
static gpointer rescue(gpointer session)
{
	each_second(session, look_after_readers);
	return NULL;
}

static void end_ticker(struct session *session)
{
	g_mutex_lock(&session->lock);
	session->ending = true;
	g_cond_broadcast(&session->wake);
	g_mutex_unlock(&session->lock);
	g_thread_join(session->ticker);
	g_thread_join(session->rescuer);
}

static int serve(struct session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r;

	fuse_loop_cfg_set_clone_fd(config, 0);
	/* none leaves when idle: the kernel cancels what an exiting thread has submitted to io_uring */
	fuse_loop_cfg_set_max_threads(config, WORKER_THREADS);
	fuse_loop_cfg_set_idle_threads(config, WORKER_THREADS);
	session->ticker = g_thread_new("ticker", tick, session);
	session->rescuer = g_thread_new("rescuer", rescue, session);
	session->starter = g_thread_new("starter", wait_until_it_answers, session);
	r = fuse_session_loop_mt(session->server.session, config);
	fuse_loop_cfg_destroy(config);
	if (r < 0)
		log_error("the mount ended: %s", strerror(-r));
	return r;
}

static int mount_on(struct server *server, const char *mountpoint)
{
	int r = tree_before_mount(server->tree, mountpoint);

	if (r < 0 || fuse_session_mount(server->session, mountpoint) < 0)
		return -1;
	r = tree_after_mount(server->tree, mountpoint);
	if (r < 0)
		fuse_session_unmount(server->session);
	return r;
}

static int mount_and_serve(struct session *session)
{
	struct server *server = &session->server;
	int r;

	server->session = new_session(server);
	if (!server->session)
		return 1;
	if (fuse_set_signal_handlers(server->session) < 0)
		return 1;
	if (mount_on(server, server->options.mountpoint) < 0) {
		log_error("MOUNTPOINT %s: cannot be mounted on", server->options.mountpoint);
		fuse_remove_signal_handlers(server->session);
		return 1;
	}
	r = serve(session);
	/* 0: it is unmounted already. What lies at that path by now is not ours to unmount. */
	if (r != 0 || session->refused)
		fuse_session_unmount(server->session);
	g_thread_join(session->starter);
	end_ticker(session);
	fuse_remove_signal_handlers(server->session);
	return r < 0 || session->refused;
}

int session_run(struct options *options, void (*ready)(void))
{
	struct session session = {.server.options = *options, .ready = ready};
	unsigned descriptors = raise_descriptor_limit();
	int r;

	lift_file_size_limit();
	r = creds_init();
	signal(SIGIO, SIG_IGN); /* a lease of ours was broken */
	if (r < 0)
		log_error("capabilities: %s", strerror(-r));
	else
		r = start_server(&session.server, descriptors);
	if (r == 0)
		r = mount_and_serve(&session);
	stop_server(&session.server);
	if (session.server.session)
		fuse_session_destroy(session.server.session);
	return r != 0;
}
