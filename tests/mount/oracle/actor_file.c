/* Operations on open files. */
#include "tests/mount/oracle/actor.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static void release(struct actor *actor, struct handle *handle)
{
	if (handle->map[PLAIN])
		actor_unmap(handle);
	if (handle->fd[PLAIN] >= 0)
		ON_BOTH(actor, "close", close(handle->fd[s]));
	handle->fd[PLAIN] = handle->fd[MOUNT] = -1;
}

static int random_flags(struct actor *actor)
{
	static const int modes[] = {O_RDONLY, O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR, O_RDWR, O_RDWR, O_RDWR};
	int flags = modes[actor_below(actor, 8)];

	if (actor_below(actor, 3))
		flags |= O_CREAT;
	if (!actor_below(actor, 10))
		flags |= O_EXCL & -(flags & O_CREAT ? 1 : 0);
	if (!actor_below(actor, 8) && flags & (O_WRONLY | O_RDWR))
		flags |= O_TRUNC;
	if (!actor_below(actor, 6))
		flags |= O_APPEND;
	if (!actor_below(actor, 6))
		flags |= O_DIRECT;
	if (!actor_below(actor, 20))
		flags |= O_SYNC;
	return flags;
}

void operate_open(struct actor *actor)
{
	struct handle *handle = &actor->handles[actor_below(actor, ACTOR_HANDLES)];
	int flags = random_flags(actor);
	mode_t mode = actor_below(actor, 2) ? 0644 : 0600;
	int error[SIDES];

	actor_name(actor, handle->name);
	if (!actor_below(actor, 40)) {
		flags = (flags & O_DIRECT) | O_TMPFILE | O_RDWR;
		strcpy(handle->name, ".");
	}
	actor_begin(actor, "open %s flags %#o as handle %ld", handle->name, (unsigned)flags,
		(long)(handle - actor->handles));
	release(actor, handle);
	for (int s = PLAIN; s < SIDES; s++) {
		handle->fd[s] = openat(actor->dir[s], handle->name, flags | O_CLOEXEC, mode);
		error[s] = errno;
	}
	handle->flags = handle->open_flags = flags;
	actor_same(actor, "open", handle->fd[PLAIN] < 0 ? -1 : 0, error[PLAIN],
		handle->fd[MOUNT] < 0 ? -1 : 0, error[MOUNT]);
}

void operate_close(struct actor *actor)
{
	struct handle *handle = actor_open_handle(actor);

	if (!handle)
		return;
	actor_begin(actor, "close handle %ld (%s)", (long)(handle - actor->handles), handle->name);
	/* A mapping outlives its descriptor now and then: it must stay coherent. */
	if (handle->map[PLAIN] && actor_below(actor, 2))
		actor_unmap(handle);
	ON_BOTH(actor, "close", close(handle->fd[s]));
	handle->fd[PLAIN] = handle->fd[MOUNT] = -1;
}

void operate_close_all(struct actor *actor)
{
	actor_begin(actor, "close all");
	for (int i = 0; i < ACTOR_HANDLES; i++)
		release(actor, &actor->handles[i]);
}

static void compare_read(struct actor *actor, const struct handle *handle, size_t length, off_t offset)
{
	ssize_t got[SIDES];
	int error[SIDES];

	for (int s = PLAIN; s < SIDES; s++) {
		got[s] = pread(handle->fd[s], actor->buffer[s], length, offset);
		error[s] = errno;
	}
	if (!actor_same(actor, "read", got[PLAIN], error[PLAIN], got[MOUNT], error[MOUNT]))
		return;
	for (ssize_t i = 0; i < got[PLAIN]; i++)
		if (actor->buffer[PLAIN][i] != actor->buffer[MOUNT][i])
			actor_differ(actor, "read %zu at %lld: byte %lld of %s is %02x, mount has %02x",
				length, (long long)offset, (long long)offset + i, handle->name,
				(unsigned char)actor->buffer[PLAIN][i],
				(unsigned char)actor->buffer[MOUNT][i]);
}

void operate_read(struct actor *actor)
{
	struct handle *handle = actor_readable(actor);
	off_t offset = (off_t)actor_size(actor);
	size_t length = actor_size(actor);

	if (!handle)
		return;
	actor_fit(actor, handle, &offset, &length);
	actor_begin(actor, "read handle %ld (%s) %zu at %lld", (long)(handle - actor->handles), handle->name,
		length, (long long)offset);
	compare_read(actor, handle, length, offset);
}

/* Not without end, and with O_DIRECT only where the end is aligned: else ext4 refuses, and a lane that aligns
 * by itself does not. */
static bool may_append(const struct actor *actor, const struct handle *handle)
{
	off_t size = actor_plain_size(handle);

	return size <= ACTOR_FILE_MAX && (!(handle->flags & O_DIRECT) || size % (off_t)actor->dio_align == 0);
}

void operate_write(struct actor *actor)
{
	struct handle *handle = actor_writable(actor);
	off_t offset = (off_t)actor_size(actor);
	size_t length = actor_size(actor);

	if (!handle || ((handle->flags & O_APPEND) && !may_append(actor, handle)))
		return;
	actor_fit(actor, handle, &offset, &length);
	actor_begin(actor, "write handle %ld (%s, flags %#o) %zu at %lld", (long)(handle - actor->handles),
		handle->name, (unsigned)handle->flags, length, (long long)offset);
	random_fill(&actor->random, actor->buffer[PLAIN], length);
	ON_BOTH(actor, "write", pwrite(handle->fd[s], actor->buffer[PLAIN], length, offset));
}

/* Opens, reads all and closes: what makes a file hot. */
void operate_read_whole(struct actor *actor)
{
	struct handle handle = {.flags = O_RDONLY};
	int error[SIDES];

	actor_name(actor, handle.name);
	actor_begin(actor, "read the whole of %s", handle.name);
	for (int s = PLAIN; s < SIDES; s++) {
		handle.fd[s] = openat(actor->dir[s], handle.name, O_RDONLY | O_CLOEXEC);
		error[s] = errno;
	}
	if (!actor_same(actor, "open", handle.fd[PLAIN] < 0 ? -1 : 0, error[PLAIN],
		    handle.fd[MOUNT] < 0 ? -1 : 0, error[MOUNT]))
		return;
	compare_read(actor, &handle, ACTOR_FILE_MAX, 0);
	ON_BOTH(actor, "close", close(handle.fd[s]));
}

/* As an editor saves a file: open with O_TRUNC, write in pieces, close. */
void operate_overwrite(struct actor *actor)
{
	size_t length = actor_size(actor), piece = 1 + actor_size(actor);
	int fd[SIDES], error[SIDES];
	char name[64];

	actor_name(actor, name);
	actor_begin(actor, "overwrite %s with %zu in pieces of %zu", name, length, piece);
	for (int s = PLAIN; s < SIDES; s++) {
		fd[s] = openat(actor->dir[s], name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		error[s] = errno;
	}
	if (!actor_same(actor, "open", fd[PLAIN] < 0 ? -1 : 0, error[PLAIN], fd[MOUNT] < 0 ? -1 : 0,
		    error[MOUNT]))
		return;
	random_fill(&actor->random, actor->buffer[PLAIN], length);
	if (piece < length / 40)
		piece = length / 40;
	for (size_t at = 0, n; at < length; at += n) {
		n = length - at < piece ? length - at : piece;
		ON_BOTH(actor, "write", write(fd[s], actor->buffer[PLAIN] + at, n));
	}
	ON_BOTH(actor, "close", close(fd[s]));
}

void operate_ftruncate(struct actor *actor)
{
	struct handle *handle = actor_writable(actor);
	off_t size = (off_t)actor_size(actor);

	if (!handle)
		return;
	actor_begin(actor, "ftruncate handle %ld (%s) to %lld", (long)(handle - actor->handles), handle->name,
		(long long)size);
	ON_BOTH(actor, "ftruncate", ftruncate(handle->fd[s], size));
}

void operate_fallocate(struct actor *actor)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	struct handle *handle = actor_writable(actor);
	int mode = modes[actor_below(actor, sizeof(modes) / sizeof(*modes))];
	off_t offset = (off_t)actor_size(actor), length = (off_t)actor_size(actor) + 1;

	if (!handle || actor_plain_size(handle) > ACTOR_FILE_MAX)
		return;
	actor_begin(actor, "fallocate handle %ld (%s) mode %#x at %lld for %lld",
		(long)(handle - actor->handles), handle->name, (unsigned)mode, (long long)offset,
		(long long)length);
	ON_BOTH(actor, "fallocate", fallocate(handle->fd[s], mode, offset, length));
}

void operate_fsync(struct actor *actor)
{
	struct handle *handle = actor_open_handle(actor);

	if (!handle)
		return;
	actor_begin(actor, "fsync handle %ld (%s)", (long)(handle - actor->handles), handle->name);
	if (actor_below(actor, 2))
		ON_BOTH(actor, "fsync", fsync(handle->fd[s]));
	else
		ON_BOTH(actor, "fdatasync", fdatasync(handle->fd[s]));
}

/* Both may copy less than asked for, and not the same; what counts is the sum. */
static long copy_all(int in, off_t from, int out, off_t to, size_t length)
{
	long total = 0;
	ssize_t got = 0;

	while (length && (got = copy_file_range(in, &from, out, &to, length, 0)) > 0) {
		total += got;
		length -= (size_t)got;
	}
	return got < 0 && !total ? -1 : total;
}

void operate_copy(struct actor *actor)
{
	struct handle *in = actor_readable(actor), *out = actor_writable(actor);
	off_t from = (off_t)actor_size(actor), to = (off_t)actor_size(actor);
	size_t length = actor_size(actor);

	if (!in || !out || (in->flags | out->flags) & O_DIRECT)
		return;
	actor_fit(actor, out, &to, &length);
	actor_begin(actor, "copy %zu from handle %ld (%s) at %lld to handle %ld (%s) at %lld", length,
		(long)(in - actor->handles), in->name, (long long)from, (long)(out - actor->handles),
		out->name, (long long)to);
	ON_BOTH(actor, "copy_file_range", copy_all(in->fd[s], from, out->fd[s], to, length));
}

static long send_all(int out, int in, off_t from, size_t length)
{
	long total = 0;
	ssize_t got = 0;

	while (length && (got = sendfile(out, in, &from, length)) > 0) {
		total += got;
		length -= (size_t)got;
	}
	return got < 0 && !total ? -1 : total;
}

void operate_send(struct actor *actor)
{
	struct handle *in = actor_readable(actor), *out = actor_writable(actor);
	off_t from = (off_t)actor_size(actor), to = (off_t)actor_size(actor);
	size_t length = actor_size(actor);
	struct stat a, b;

	if (!in || !out || (in->flags | out->flags) & (O_DIRECT | O_APPEND))
		return;
	/* Within one file the result depends on how much goes through the pipe at a time. */
	if (fstat(in->fd[PLAIN], &a) || fstat(out->fd[PLAIN], &b) || a.st_ino == b.st_ino)
		return;
	actor_fit(actor, out, &to, &length);
	actor_begin(actor, "sendfile %zu from handle %ld (%s) at %lld to handle %ld (%s) at %lld", length,
		(long)(in - actor->handles), in->name, (long long)from, (long)(out - actor->handles),
		out->name, (long long)to);
	ON_BOTH(actor, "lseek", lseek(out->fd[s], to, SEEK_SET));
	ON_BOTH(actor, "sendfile", send_all(out->fd[s], in->fd[s], from, length));
}

void operate_flags(struct actor *actor)
{
	static const int changes[] = {O_APPEND, O_DIRECT, O_NONBLOCK};
	struct handle *handle = actor_open_handle(actor);
	int change = changes[actor_below(actor, 3)];

	/* The kernel opens the file below with the flags of the open, and those it can't take back later. */
	if (!handle || handle->open_flags & change)
		return;
	actor_begin(actor, "toggle flag %#o of handle %ld (%s)", (unsigned)change,
		(long)(handle - actor->handles), handle->name);
	if (ON_BOTH(actor, "fcntl", fcntl(handle->fd[s], F_SETFL, handle->flags ^ change)))
		handle->flags ^= change;
}

void operate_advise(struct actor *actor)
{
	struct handle *handle = actor_open_handle(actor);

	if (!handle)
		return;
	actor_begin(actor, "drop pages of handle %ld (%s)", (long)(handle - actor->handles), handle->name);
	ON_BOTH(actor, "fadvise", posix_fadvise(handle->fd[s], 0, 0, POSIX_FADV_DONTNEED));
}
