#include "fs/session.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "cache/base/log.h"
#include "fs/guard.h"
#include "fs/kernel.h"
#include "fs/lock_wait.h"
#include "fs/ops.h"
#include "fs/ops_control.h"
#include "fs/options/option_value.h"
#include "fs/rlimits.h"
#include "fs/server.h"
#include "fs/signals.h"
#include "fs/status.h"
#include "fs/threads.h"
#include "fs/upkeep.h"
#include "fs/users/creds.h"

#define MAX_WRITE (1 << 20)
#define PAGE 4096
#define WORKER_THREADS 64 /* over /dev/fuse each has a buffer for the largest write */
#define WORKER_THREADS_MIN 8

struct session {
	struct server server;
	void (*ready)(void);
	struct upkeep upkeep;
	struct signals signals;
	struct guard guard;
	struct thread_room *room;  /* for libfuse's own threads */
	struct thread_room *spare; /* for mount(8) and fusermount3, which libfuse may run */
	pthread_t starter;
	bool starter_runs;
	sem_t mounted;
	_Atomic bool failed;  /* no mount came about */
	_Atomic int ended_by; /* a signal */
};

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
	/* only waiting locks can be interrupted; over io_uring libfuse delivers those without this */
	conn->no_interrupt = !server->locks || server->uring;
	if (server->passthrough && !(conn->capable_ext & FUSE_CAP_PASSTHROUGH)) {
		server->passthrough = false;
		if (server->options.passthrough == PASSTHROUGH_ON) {
			log_error("passthrough=on: this kernel has no FUSE passthrough (Linux 6.9 has)");
			session->failed = true;
			fuse_session_exit(server->session);
		} else {
			log_info("passthrough: not in this kernel (Linux 6.9 has it); all files are served "
				 "by the daemon");
		}
	}
	if (server->passthrough) {
		want(conn, FUSE_CAP_PASSTHROUGH);
		/* the kernel allows two stacked layers; leave the second to overlayfs above unless SOURCE
		 * needs it
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
	.getlk = op_getlk,
	.setlk = op_setlk,
	.flock = op_flock,
};

static void leave_locks_to_the_kernel(struct fuse_lowlevel_ops *ops)
{
	ops->getlk = NULL;
	ops->setlk = NULL;
	ops->flock = NULL;
}

/* --- mounting --------------------------------------------------------------------------------- */

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
		value_append_escaped(list, o->source);
		g_string_append_c(list, ',');
	}
	g_string_append(list, "default_permissions");
	if (server->privileged && !options_has_generic(o, "allow_other") &&
		!options_has_generic(o, "allow_root"))
		g_string_append(list, ",allow_other");
	add_mount_flags(server, list);
	if (server->uring)
		g_string_append_printf(list, ",io_uring,io_uring_q_depth=%u",
			server->uring_depth + (server->locks ? LOCK_WAIT_PER_QUEUE : 0));
	g_string_append_printf(list, ",max_read=%u", max_read_of(server));
	if (o->debug)
		g_string_append(list, ",debug");
	if (o->kernel_options && o->kernel_options->len)
		g_string_append_printf(list, ",%s", o->kernel_options->str);
	argv[2] = list->str;
	if (!server->locks)
		leave_locks_to_the_kernel(&ops);
	control_route(&ops);
	session = fuse_session_new(&args, &ops, sizeof(ops), server);
	fuse_opt_free_args(&args);
	g_string_free(list, TRUE);
	return session;
}

static struct {
	bool over; /* the mount is there */
	char text[256];
} complaint;

/* A refusal is one line, which libfuse's reason is a part of; what it says later goes where our lines go. */
static void hear_libfuse(enum fuse_log_level level, const char *format, va_list args)
{
	if (level > FUSE_LOG_ERR)
		return;
	if (complaint.over)
		log_vwrite(LOG_LEVEL_WARNING, format, args);
	else
		vsnprintf(complaint.text, sizeof(complaint.text), format, args);
}

/* The first request that the mount answers. */
static void *wait_until_it_answers(void *data)
{
	struct session *session = data;
	struct statvfs fs;

	while (sem_wait(&session->mounted) < 0)
		;
	if (!session->failed && statvfs(session->server.options.mountpoint, &fs) == 0 && !session->failed) {
		session->ready();
		kernel_say_what_was_chosen(&session->server);
	}
	return NULL;
}

static void end_by_signal(void *data, int signal)
{
	struct session *session = data;

	session->ended_by = signal;
	fuse_session_exit(session->server.session);
}

static void reload_by_signal(void *data)
{
	struct session *session = data;
	g_autoptr(GString) reply = g_string_new(NULL);

	if (!session->server.options.rules)
		return;
	if (status_reload(&session->server, reply) < 0)
		log_error("%s; the old rules stay in force", reply->str);
	else
		log_info("%s", reply->str);
}

/* Of libfuse's threads one takes requests from /dev/fuse; over io_uring there is one for each queue, too.
 * Further ones are started while requests wait, where that is possible. */
static unsigned threads_of_libfuse(const struct server *server)
{
	return 1 + (server->uring ? (unsigned)get_nprocs_conf() : 0);
}

static int start_threads(struct session *session)
{
	struct server *server = &session->server;
	int r = server_start_pools(server);

	if (r == 0)
		r = upkeep_start(&session->upkeep, server);
	if (r == 0)
		r = signals_start(&session->signals);
	if (r == 0)
		r = thread_start(&session->starter, "sieve-start", wait_until_it_answers, session);
	session->starter_runs = r == 0;
	if (r == 0)
		r = thread_room_hold(threads_of_libfuse(server), &session->room);
	if (r == 0)
		r = thread_room_hold(1, &session->spare);
	if (r < 0)
		log_error("cannot start its threads: %s; is the number of tasks limited "
			  "(ulimit -u, TasksMax, pids.max)?",
			strerror(-r));
	return r;
}

/* But for the pools, which are the server's. */
static void stop_threads(struct session *session)
{
	thread_room_free(session->spare);
	thread_room_free(session->room);
	if (session->starter_runs) {
		sem_post(&session->mounted);
		pthread_join(session->starter, NULL);
	}
	upkeep_end(&session->upkeep);
	signals_stop(&session->signals);
}

static int serve(struct session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	uint64_t fit = session->server.options.memory / 8 / MAX_WRITE;
	unsigned threads = (unsigned)CLAMP(fit, WORKER_THREADS_MIN, WORKER_THREADS);
	int r;

	fuse_loop_cfg_set_clone_fd(config, 0);
	/* none leaves when idle: the kernel cancels what an exiting thread has submitted to io_uring */
	fuse_loop_cfg_set_max_threads(config, threads);
	fuse_loop_cfg_set_idle_threads(config, threads);
	thread_room_free(session->room);
	session->room = NULL;
	complaint.over = true;
	sem_post(&session->mounted);
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
		r = -1;
	else
		r = tree_after_mount(server->tree, mountpoint);
	if (r < 0) {
		log_error("MOUNTPOINT %s: cannot be mounted on%s%s", mountpoint, *complaint.text ? ": " : "",
			complaint.text);
		fuse_session_unmount(server->session);
	}
	return r;
}

static int mount_and_serve(struct session *session)
{
	struct server *server = &session->server;
	int r;

	thread_room_free(session->spare);
	session->spare = NULL;
	r = mount_on(server, server->options.mountpoint);
	if (r < 0)
		return r;
	guard_mounted(&session->guard);
	kernel_say_what_is_missing(server);
	r = serve(session);
	session->failed = session->failed || r < 0;
	/* else it is unmounted already: what lies at that path by now is not ours to unmount */
	if (session->failed || session->ended_by) {
		fuse_session_unmount(server->session);
		guard_unmount(&session->guard); /* libfuse may have failed to run umount(8) */
	}
	return session->failed ? -EIO : 0;
}

static int run_threads_and_mount(struct session *session)
{
	int r;

	if (!session->server.options.debug)
		fuse_set_log_func(hear_libfuse);
	session->server.session = new_session(&session->server);
	if (!session->server.session) {
		log_error("%s", *complaint.text ? complaint.text : "libfuse refuses the options");
		return -EINVAL;
	}
	session->signals =
		(struct signals){.end = end_by_signal, .reload = reload_by_signal, .context = session};
	signals_hold(&session->signals);
	sem_init(&session->mounted, 0, 0);
	r = start_threads(session);
	if (r == 0)
		r = mount_and_serve(session);
	session->failed = session->failed || r < 0;
	stop_threads(session);
	return r;
}

int session_run(struct options *options, void (*ready)(void))
{
	struct session session = {.server.options = *options, .ready = ready};
	unsigned descriptors = rlimits_raise_descriptors();
	int r;

	rlimits_lift_file_size();
	signals_ignore_others();
	r = guard_begin(&session.guard, options->mountpoint, options->auto_unmount);
	if (r < 0) {
		log_error("auto_unmount: the process that watches cannot be started: %s", strerror(-r));
		return 1;
	}
	r = creds_init();
	if (r < 0)
		log_error("capabilities: %s", strerror(-r));
	else
		r = server_start(&session.server, descriptors);
	if (r == 0)
		r = run_threads_and_mount(&session);
	server_stop(&session.server);
	if (session.server.session)
		fuse_session_destroy(session.server.session);
	if (r == 0)
		log_info("%s: the mount ended%s%s", options->mountpoint,
			session.ended_by ? " by signal: " : "",
			session.ended_by ? strsignal(session.ended_by) : "");
	guard_end(&session.guard);
	return r != 0;
}
