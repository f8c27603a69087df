#include "fs/libfuse.h"

#include <sys/statvfs.h>

#include "cache/base/log.h"
#include "fs/lock_wait.h"
#include "fs/observe.h"
#include "fs/ops.h"
#include "fs/ops_control.h"
#include "fs/options/option_value.h"
#include "fs/server.h"
#include "fs/throttle.h"

#define PAGE 4096

/* --- features requested from the kernel ------------------------------------------------------- */

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

	want(conn, FUSE_CAP_ATOMIC_O_TRUNC);
	want(conn, FUSE_CAP_EXPORT_SUPPORT);
	want(conn, FUSE_CAP_PARALLEL_DIROPS);
	want(conn, FUSE_CAP_ASYNC_DIO);
	want(conn, FUSE_CAP_AUTO_INVAL_DATA); /* fs/dir_cache.h needs it */
	want(conn, FUSE_CAP_READDIRPLUS);
	want(conn, FUSE_CAP_READDIRPLUS_AUTO);
	want(conn, FUSE_CAP_DONT_MASK);
	if (server->options.xattr == XATTR_ON)
		want(conn, FUSE_CAP_POSIX_ACL);
	want(conn, FUSE_CAP_HANDLE_KILLPRIV_V2);
	want(conn, FUSE_CAP_DIRECT_IO_ALLOW_MMAP);
	fuse_unset_feature_flag(conn, FUSE_CAP_WRITEBACK_CACHE);
	fuse_unset_feature_flag(conn, FUSE_CAP_SPLICE_READ); /* op_write needs the bytes in memory */
	conn->max_write = LIBFUSE_MAX_WRITE;
	conn->max_read = max_read_of(server); /* libfuse requires it here and as a mount option */
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->time_gran = 1;
	/* for requests that wait for locks or for the disk; over io_uring libfuse delivers interrupts without
	 * this */
	conn->no_interrupt = server->uring || (!server->locks && !server->throttle);
	if (server->passthrough && !(conn->capable_ext & FUSE_CAP_PASSTHROUGH)) {
		server->passthrough = false;
		if (server->options.passthrough == PASSTHROUGH_ON) {
			log_error("passthrough=on: this kernel has no FUSE passthrough (Linux 6.9 has it)");
			server->failed = true;
			fuse_session_exit(server->session);
		} else {
			log_info("passthrough: off, this kernel does not have it (Linux 6.9 has); the daemon "
				 "serves all files");
		}
	}
	if (server->passthrough) {
		want(conn, FUSE_CAP_PASSTHROUGH);
		/* the kernel allows two stacked layers; the second is left to an overlayfs above, unless
		 * SOURCE needs it */
		conn->max_backing_stack_depth =
			server->stacked ? FUSE_BACKING_STACKED_OVER : FUSE_BACKING_STACKED_UNDER;
	}
}

/* --- the operations --------------------------------------------------------------------------- */

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

/* The first request of each kind gets ENOSYS from libfuse; the kernel makes no further ones. */
static void leave_out_xattrs(struct fuse_lowlevel_ops *ops)
{
	ops->setxattr = NULL;
	ops->getxattr = NULL;
	ops->listxattr = NULL;
	ops->removexattr = NULL;
}

/* --- options for libfuse ---------------------------------------------------------------------- */

/* Gives root's mount the defaults suid and dev, as any other file system has them; libfuse would turn them
 * off. But what is off where SOURCE is mounted stays off. */
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

struct fuse_session *libfuse_session_new(struct server *server)
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
			server->uring_depth + (server->locks ? LOCK_WAIT_PER_QUEUE : 0) +
				(o->dirty_max != OPTION_WORD ? THROTTLE_URING_MAX : 0));
	g_string_append_printf(list, ",max_read=%u", max_read_of(server));
	if (o->debug)
		g_string_append(list, ",debug");
	if (o->kernel_options && o->kernel_options->len)
		g_string_append_printf(list, ",%s", o->kernel_options->str);
	argv[2] = list->str;
	if (!server->locks)
		leave_locks_to_the_kernel(&ops);
	if (o->xattr == XATTR_OFF)
		leave_out_xattrs(&ops);
	control_route(&ops);
	observe_operations(&ops);
	session = fuse_session_new(&args, &ops, sizeof(ops), server);
	fuse_opt_free_args(&args);
	g_string_free(list, TRUE);
	return session;
}
