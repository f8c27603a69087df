#include "backends/backend_file.h"
#include "cache/base/lock_order.h"
#include "cache/base/page_cache.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static void say(
	struct backend *backend, int priority, const char *format, ...)
{
	char line[256];
	va_list args;

	if (!backend->settings.log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	backend->settings.log(backend->settings.log_context, priority, line);
}

int backend_file_reopen(struct backend_file *file, int flags)
{
	char path[32];
	int fd;

	if (file->reopen)
		return file->reopen(file->context, flags);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	fd = open(path, flags);
	return fd < 0 ? -errno : fd;
}

/* Another machine has removed the file: it can be read as it was opened, but not opened again. */
static bool is_gone(int error)
{
	return error == ESTALE || error == ENOENT;
}

/* The servers can't be reached, or descriptors have run out: opening the file may work later. */
static bool is_passing(int error)
{
	return error == ENOTCONN || error == ETIMEDOUT || error == EINTR || error == EMFILE ||
	       error == ENFILE || error == ENOMEM;
}

/* The lock must be held. */
static void file_refuse(struct backend_file *file, int error)
{
	struct backend *backend = file->backend;

	if (file->direct_refused)
		return;
	file->direct_refused = true;
	if (is_gone(error))
		return; /* says nothing about the file system */
	backend_count(&backend->stats.fallback_files, 1);
	if (!atomic_exchange(&file->volume->refused, true))
		say(backend, LOG_NOTICE,
			"inode %ju on file system %u:%u can't be read around the page cache (%s): such files "
			"are read through it, and their pages are dropped behind the reader",
			(uintmax_t)file->facts.ino, major(file->volume->dev), minor(file->volume->dev),
			strerror(error));
}

void backend_file_refuse(struct backend_file *file, int error)
{
	lock_take(&file->lock, LOCK_FILE);
	file_refuse(file, error);
	lock_drop(&file->lock, LOCK_FILE);
}

int backend_file_descriptor(struct backend_file *file)
{
	const int keep = O_ACCMODE | O_SYNC | O_DSYNC | O_NOATIME;
	int fd;

	lock_take(&file->lock, LOCK_FILE);
	if (file->direct_fd < 0 && !file->direct_refused) {
		int flags = fcntl(file->fd, F_GETFL);

		fd = backend_file_reopen(file, (flags & keep) | O_DIRECT | O_CLOEXEC);
		if (fd >= 0)
			file->direct_fd = fd;
		else if (!is_passing(-fd))
			file_refuse(file, -fd);
	}
	fd = file->direct_refused ? -1 : file->direct_fd;
	lock_drop(&file->lock, LOCK_FILE);
	return fd;
}

int backend_file_sync_descriptor(struct backend_file *file)
{
	int fd = backend_file_descriptor(file);

	if (fd >= 0)
		return fd;
	lock_take(&file->lock, LOCK_FILE);
	if (file->sync_fd < 0)
		file->sync_fd = backend_file_reopen(file, (fcntl(file->fd, F_GETFL) & O_ACCMODE) | O_CLOEXEC);
	fd = file->sync_fd < 0 ? -1 : file->sync_fd;
	lock_drop(&file->lock, LOCK_FILE);
	return fd;
}

bool backend_file_is_large(const struct backend_file *file, off_t end)
{
	off_t from = file->backend->write_direct_from;

	/* does not ask SOURCE: that would be a network request for each small write */
	return end > from || page_cache_file_size(file->fd) > from;
}
