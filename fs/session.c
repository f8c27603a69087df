#include "fs/session.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

#include "cache/base/log.h"
#include "cache/sandbox/sandbox.h"
#include "fs/asker.h"
#include "fs/guard.h"
#include "fs/kernel.h"
#include "fs/libfuse.h"
#include "fs/libfuse_log.h"
#include "fs/loop.h"
#include "fs/notify.h"
#include "fs/rlimits.h"
#include "fs/server.h"
#include "fs/signals.h"
#include "fs/status.h"
#include "fs/threads.h"
#include "fs/upkeep.h"
#include "fs/users/creds.h"
#include "fs/watchdog.h"

/* Over /dev/fuse each thread has a buffer for the largest write. */
#define WORKER_THREADS (64 + LOOP_RESERVED)
#define WORKER_THREADS_MIN 8

struct session {
	struct server server;
	void (*ready)(void);
	struct upkeep upkeep;
	struct watchdog watchdog;
	struct signals signals;
	struct guard guard;
	struct asker asker;
	struct thread_room *room;  /* for libfuse's own threads */
	struct thread_room *spare; /* for mount(8) and fusermount3, which libfuse may run */
	pthread_t starter;         /* reports that the mount is ready */
	bool starter_runs;
	sem_t mounted;
	_Atomic int ended_by; /* the signal; 0: none */
};

/* Only in the foreground: a background daemon may have been started by another service, and would send that
 * service's manager a message in its name. */
static void tell_service_manager(const struct session *session, const char *state)
{
	int r = session->server.options.foreground ? notify_send(state) : 0;

	if (r < 0)
		log_warning("cannot send %s to the service manager: %s", state, strerror(-r));
}

/* Has the first requests to the mount made. Their answers are kept for loop_rescue(). */
static bool answers(struct session *session)
{
	return !session->server.failed && asker_tries_mount(&session->asker) && !session->server.failed;
}

static void *say_that_it_answers(void *data)
{
	struct session *session = data;

	while (sem_wait(&session->mounted) < 0)
		;
	if (answers(session)) {
		session->ready();
		tell_service_manager(session, "READY=1");
		watchdog_mounted(&session->watchdog);
		kernel_say_what_was_chosen(&session->server);
		pin_list_look_up(&session->server);
	}
	return NULL;
}

static void end_by_signal(void *data, int signal)
{
	struct session *session = data;

	session->ended_by = signal;
	fuse_session_exit(session->server.session);
	loop_wake(session->server.loop);
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

/* Threads that must be started after the mount: one that receives requests from /dev/fuse, and over io_uring
 * one for each queue. More are started while requests wait, if possible. */
static unsigned threads_of_libfuse(const struct server *server)
{
	return 1 + (server->uring ? (unsigned)get_nprocs_conf() : 0);
}

static int start_threads(struct session *session)
{
	struct server *server = &session->server;
	int r = server_start_pools(server);

	if (r == 0)
		r = watchdog_start(&session->watchdog, &session->asker, server->options.foreground);
	if (r == 0)
		r = upkeep_start(&session->upkeep, server, &session->watchdog);
	if (r == 0)
		r = signals_start(&session->signals);
	if (r == 0)
		r = thread_start(&session->starter, "sieve-start", say_that_it_answers, session);
	session->starter_runs = r == 0;
	if (r == 0)
		r = thread_room_hold(threads_of_libfuse(server), &session->room);
	if (r == 0)
		r = thread_room_hold(1, &session->spare);
	if (r < 0)
		log_error("cannot start the daemon's threads: %s; is the number of tasks limited "
			  "(ulimit -u, TasksMax, pids.max)?",
			strerror(-r));
	return r;
}

static unsigned worker_threads(const struct session *session)
{
	uint64_t fit = session->server.options.memory / 8 / LIBFUSE_MAX_WRITE;

	return (unsigned)CLAMP(fit, WORKER_THREADS_MIN, WORKER_THREADS);
}

static int start_loop(struct session *session)
{
	struct server *server = &session->server;
	const struct loop_settings settings = {
		.server = server,
		.most = worker_threads(session) - LOOP_RESERVED,
		.aside_max = server->options.memory / 32,
	};

	return server->uring ? 0 : loop_new(&settings, &server->loop);
}

/* All but the pools, which server_stop() ends. */
static void stop_threads(struct session *session)
{
	thread_room_free(session->spare);
	thread_room_free(session->room);
	if (session->starter_runs) {
		sem_post(&session->mounted);
		pthread_join(session->starter, NULL);
	}
	upkeep_end(&session->upkeep);
	watchdog_end(&session->watchdog);
	signals_stop(&session->signals);
}

/* Over io_uring, where libfuse has a thread for each queue. */
static int serve_queues(struct session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	unsigned threads = worker_threads(session);
	int r;

	fuse_loop_cfg_set_clone_fd(config, 0);
	/* none leaves when idle: the kernel cancels what an exiting thread has submitted to io_uring */
	fuse_loop_cfg_set_max_threads(config, threads);
	fuse_loop_cfg_set_idle_threads(config, threads);
	r = fuse_session_loop_mt(session->server.session, config);
	fuse_loop_cfg_destroy(config);
	return r;
}

static int serve(struct session *session)
{
	int r;

	thread_room_free(session->room);
	session->room = NULL;
	libfuse_log_mounted();
	sem_post(&session->mounted);
	r = session->server.loop ? loop_serve(session->server.loop) : serve_queues(session);
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
		log_error("MOUNTPOINT %s: cannot mount here%s%s", mountpoint,
			*libfuse_log_reason() ? ": " : "", libfuse_log_reason());
		fuse_session_unmount(server->session);
	}
	return r;
}

static bool is_sandboxed(const struct server *server)
{
	return server->options.sandbox == SANDBOX_ON;
}

/* For a lazy unmount as libfuse does it: closes the connection, since nothing will answer requests any
 * more. */
static void close_connection(struct fuse_session *session)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup3(null, fuse_session_fd(session), O_CLOEXEC); /* libfuse closes this descriptor at its end */
	close(null);
}

/* libfuse executes fusermount3(1) or umount(8), which can't do their work in a sandbox. */
static void unmount(struct session *session)
{
	struct server *server = &session->server;

	if (is_sandboxed(server) && guard_knows_mount(&session->guard))
		close_connection(server->session);
	else
		fuse_session_unmount(server->session);
	guard_unmount(&session->guard); /* libfuse may have failed to run umount(8) */
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
	if (is_sandboxed(server))
		sandbox_close();
	kernel_say_what_is_missing(server);
	r = serve(session);
	session->server.failed = session->server.failed || r < 0;
	tell_service_manager(session, "STOPPING=1");
	/* else it is unmounted already, and another mount may be at the path */
	if (session->server.failed || session->ended_by)
		unmount(session);
	return session->server.failed ? -EIO : 0;
}

static int run_threads_and_mount(struct session *session)
{
	int r;

	if (!session->server.options.debug)
		libfuse_log_begin();
	session->server.session = libfuse_session_new(&session->server);
	if (!session->server.session) {
		log_error("%s", *libfuse_log_reason() ? libfuse_log_reason() : "libfuse refuses the options");
		return -EINVAL;
	}
	session->signals =
		(struct signals){.end = end_by_signal, .reload = reload_by_signal, .context = session};
	signals_hold(&session->signals);
	sem_init(&session->mounted, 0, 0);
	r = start_loop(session);
	if (r == 0)
		r = start_threads(session);
	if (r == 0)
		r = server_start_exporter(&session->server);
	if (r == 0)
		r = mount_and_serve(session);
	session->server.failed = session->server.failed || r < 0;
	stop_threads(session);
	return r;
}

/* Forks. 0 or -errno. */
static int start_processes(struct session *session)
{
	const struct options *options = &session->server.options;
	bool sandboxed = is_sandboxed(&session->server);
	const struct guard_options guard_options = {.auto_unmount = options->auto_unmount,
		.by_helper = sandboxed && sandbox_forbids_fusermount(),
		.sandboxed = sandboxed};
	int r = guard_begin(&session->guard, options->mountpoint, &guard_options);

	if (r == 0)
		r = asker_begin(&session->asker, options->mountpoint, sandboxed);
	if (r < 0)
		log_error("cannot start the daemon's processes: %s; is the number of tasks limited "
			  "(ulimit -u, TasksMax, pids.max)?",
			strerror(-r));
	return r;
}

int session_run(struct options *options, void (*ready)(void))
{
	struct session session = {.server.options = *options, .ready = ready};
	unsigned descriptors = rlimits_raise_descriptors();
	enum leaving_idle leaving_idle = LEAVING_IDLE_IS_FORBIDDEN;
	int r;

	rlimits_lift_file_size();
	if (options->queue_class == QUEUE_CLASS_AUTO && options->transport != TRANSPORT_DEV)
		leaving_idle = rlimits_raise_nice();
	session.server.may_leave_idle = leaving_idle != LEAVING_IDLE_IS_FORBIDDEN;
	signals_ignore_others();
	if (start_processes(&session) < 0)
		return 1;
	if (is_sandboxed(&session.server))
		sandbox_begin(leaving_idle == LEAVING_IDLE_NEEDS_CAPABILITY);
	r = creds_init();
	if (r < 0)
		log_error("cannot set capabilities: %s", strerror(-r));
	else
		r = server_start(&session.server, descriptors);
	if (r == 0)
		r = run_threads_and_mount(&session);
	server_stop(&session.server);
	loop_free(session.server.loop);
	if (session.server.session)
		fuse_session_destroy(session.server.session);
	if (r == 0)
		log_info("%s: the mount ended%s%s", options->mountpoint,
			session.ended_by ? " by signal: " : "",
			session.ended_by ? strsignal(session.ended_by) : "");
	asker_end(&session.asker);
	guard_end(&session.guard);
	return r != 0;
}
