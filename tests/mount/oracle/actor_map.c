/* Operations on memory mappings. */
#include "tests/mount/oracle/actor.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct handle *mapped_handle(struct actor *actor, bool writable)
{
	unsigned first = actor_below(actor, ACTOR_HANDLES);

	for (unsigned i = 0; i < ACTOR_HANDLES; i++) {
		struct handle *handle = &actor->handles[(first + i) % ACTOR_HANDLES];

		if (handle->map[PLAIN] && (!writable || handle->map_writable))
			return handle;
	}
	return NULL;
}

void actor_unmap(struct handle *handle)
{
	for (int s = PLAIN; s < SIDES; s++) {
		munmap(handle->map[s], handle->map_length);
		close(handle->path_fd[s]);
		handle->map[s] = NULL;
	}
}

static void open_path(struct handle *handle, int side)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", handle->fd[side]);
	handle->path_fd[side] = open(path, O_PATH | O_CLOEXEC);
}

void operate_map(struct actor *actor)
{
	struct handle *handle = actor_readable(actor);
	size_t length = actor_size(actor) + 1;
	int access, protection, error[SIDES];

	if (!handle || handle->map[PLAIN])
		return;
	access = handle->flags & O_ACCMODE;
	protection = access == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ;
	actor_begin(
		actor, "map %zu of handle %ld (%s)", length, (long)(handle - actor->handles), handle->name);
	for (int s = PLAIN; s < SIDES; s++) {
		handle->map[s] = mmap(NULL, length, protection, MAP_SHARED, handle->fd[s], 0);
		error[s] = errno;
		if (handle->map[s] == MAP_FAILED)
			handle->map[s] = NULL;
	}
	if (!actor_same(actor, "mmap", handle->map[PLAIN] ? 0 : -1, error[PLAIN], handle->map[MOUNT] ? 0 : -1,
		    error[MOUNT]))
		return;
	handle->map_length = length;
	handle->map_writable = access == O_RDWR;
	open_path(handle, PLAIN);
	open_path(handle, MOUNT);
}

/* Bytes of the mapping that lie within the file; both sides must agree on the size, else a page could be
 * missing. */
static size_t mapped_bytes(struct actor *actor, const struct handle *handle)
{
	struct stat st[SIDES] = {0};

	ON_BOTH(actor, "fstat", fstat(handle->path_fd[s], &st[s]));
	if (st[PLAIN].st_size != st[MOUNT].st_size)
		actor_differ(actor, "size of %s: plain %lld, mount %lld", handle->name,
			(long long)st[PLAIN].st_size, (long long)st[MOUNT].st_size);
	return st[PLAIN].st_size < (off_t)handle->map_length ? (size_t)st[PLAIN].st_size : handle->map_length;
}

void operate_map_read(struct actor *actor)
{
	struct handle *handle = mapped_handle(actor, false);
	size_t offset = actor_size(actor), length = actor_size(actor), limit;

	if (!handle)
		return;
	actor_begin(actor, "read map of handle %ld (%s) %zu at %zu", (long)(handle - actor->handles),
		handle->name, length, offset);
	limit = mapped_bytes(actor, handle);
	for (size_t i = offset; i < limit && i - offset < length; i++)
		if (handle->map[PLAIN][i] != handle->map[MOUNT][i])
			actor_differ(actor, "mapped byte %zu of %s is %02x, mount has %02x", i, handle->name,
				(unsigned char)handle->map[PLAIN][i], (unsigned char)handle->map[MOUNT][i]);
}

void operate_map_write(struct actor *actor)
{
	struct handle *handle = mapped_handle(actor, true);
	size_t offset = actor_size(actor), length = actor_size(actor), limit;

	if (!handle)
		return;
	actor_begin(actor, "write map of handle %ld (%s) %zu at %zu", (long)(handle - actor->handles),
		handle->name, length, offset);
	limit = mapped_bytes(actor, handle);
	if (offset >= limit)
		return;
	if (length > limit - offset)
		length = limit - offset;
	random_fill(&actor->random, actor->buffer[PLAIN], length);
	memcpy(handle->map[PLAIN] + offset, actor->buffer[PLAIN], length);
	memcpy(handle->map[MOUNT] + offset, actor->buffer[PLAIN], length);
	if (!actor_below(actor, 8))
		ON_BOTH(actor, "msync", msync(handle->map[s], handle->map_length, MS_SYNC));
}

void operate_unmap(struct actor *actor)
{
	struct handle *handle = mapped_handle(actor, false);

	if (!handle)
		return;
	actor_begin(actor, "unmap handle %ld (%s)", (long)(handle - actor->handles), handle->name);
	actor_unmap(handle);
}
