#include "tests/mount/oracle/actor.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRAIL_LINES 24
#define TRAIL_WIDTH 160

struct trail {
	unsigned long count;
	char line[TRAIL_LINES][TRAIL_WIDTH];
};

struct trail *trail_new(void)
{
	void *memory =
		mmap(NULL, sizeof(struct trail), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void trail_print(const struct trail *trail, unsigned number)
{
	unsigned long first = trail->count > TRAIL_LINES ? trail->count - TRAIL_LINES : 0;

	for (unsigned long i = first; i < trail->count; i++)
		fprintf(stderr, "  %s (actor %u)\n", trail->line[i % TRAIL_LINES], number);
}

void actor_begin(struct actor *actor, const char *format, ...)
{
	char *line = actor->trail->line[actor->trail->count % TRAIL_LINES];
	struct timespec now;
	va_list arguments;
	int used;

	/* The time puts the lines of several actors in order. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	used = snprintf(line, TRAIL_WIDTH, "%lld.%06ld operation %lu: ", (long long)now.tv_sec,
		now.tv_nsec / 1000, actor->step);

	va_start(arguments, format);
	vsnprintf(line + used, TRAIL_WIDTH - (size_t)used, format, arguments);
	va_end(arguments);
	actor->trail->count++;
}

void actor_differ(struct actor *actor, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(stderr, "actor %u, operation %lu differs: %s\nwhat led there:\n", actor->number, actor->step,
		text);
	trail_print(actor->trail, actor->number);
	_exit(1);
}

static const char *result_text(char text[64], long result, int error)
{
	if (result == -1)
		snprintf(text, 64, "%s", strerrorname_np(error));
	else
		snprintf(text, 64, "%ld", result);
	return text;
}

bool actor_same(
	struct actor *actor, const char *what, long plain, int plain_errno, long mount, int mount_errno)
{
	char a[64], b[64];

	if (plain != mount || (plain == -1 && plain_errno != mount_errno))
		actor_differ(actor, "%s: plain %s, mount %s", what, result_text(a, plain, plain_errno),
			result_text(b, mount, mount_errno));
	return plain != -1;
}

unsigned actor_below(struct actor *actor, unsigned limit)
{
	return (unsigned)random_below(&actor->random, limit);
}

void actor_name(struct actor *actor, char name[64])
{
	unsigned pick = actor_below(actor, 16);

	if (pick < 8)
		snprintf(name, 64, "f%u", pick);
	else
		snprintf(name, 64, "d%u/f%u", pick & 1, pick >> 1 & 1);
}

void actor_dir_name(struct actor *actor, char name[64])
{
	unsigned pick = actor_below(actor, 5);

	snprintf(name, 64, pick < 3 ? "d%u" : "d0/d%u", pick);
}

size_t actor_size(struct actor *actor)
{
	static const size_t near[] = {0, 512, 4096, 8192, 16384, 32768, 65536, 131072, 200000};
	size_t at = near[actor_below(actor, sizeof(near) / sizeof(*near))];

	switch (actor_below(actor, 4)) {
	case 0:
		return at;
	case 1:
		return at + actor_below(actor, 20);
	case 2:
		return at > 20 ? at - actor_below(actor, 20) : at;
	default:
		return actor_below(actor, 100000);
	}
}

/* `unwanted`: the access mode that will not do, or -1. */
static struct handle *pick_handle(struct actor *actor, int unwanted)
{
	unsigned first = actor_below(actor, ACTOR_HANDLES);

	for (unsigned i = 0; i < ACTOR_HANDLES; i++) {
		struct handle *handle = &actor->handles[(first + i) % ACTOR_HANDLES];

		if (handle->fd[PLAIN] >= 0 && (handle->flags & O_ACCMODE) != unwanted)
			return handle;
	}
	return NULL;
}

struct handle *actor_open_handle(struct actor *actor)
{
	return pick_handle(actor, -1);
}

struct handle *actor_readable(struct actor *actor)
{
	return pick_handle(actor, actor_below(actor, 20) ? O_WRONLY : -1);
}

struct handle *actor_writable(struct actor *actor)
{
	return pick_handle(actor, actor_below(actor, 20) ? O_RDONLY : -1);
}

off_t actor_plain_size(const struct handle *handle)
{
	struct stat st;

	return fstat(handle->fd[PLAIN], &st) ? 0 : st.st_size;
}

void actor_fit(struct actor *actor, const struct handle *handle, off_t *offset, size_t *length)
{
	if (*offset >= ACTOR_FILE_MAX)
		*offset = ACTOR_FILE_MAX - 1;
	if (*length > (size_t)(ACTOR_FILE_MAX - *offset))
		*length = (size_t)(ACTOR_FILE_MAX - *offset);
	if (!(handle->flags & O_DIRECT))
		return;
	*offset -= *offset % (off_t)actor->dio_align;
	*length -= *length % actor->dio_align;
}

/* Weights: how often an operation is chosen, relative to the sum. */
static const struct {
	operation *operate;
	unsigned weight;
} table[] = {
	{operate_open, 120},
	{operate_close, 60},
	{operate_close_all, 4},
	{operate_read, 110},
	{operate_write, 110},
	{operate_read_whole, 50},
	{operate_overwrite, 30},
	{operate_ftruncate, 25},
	{operate_fallocate, 25},
	{operate_fsync, 6},
	{operate_copy, 20},
	{operate_send, 12},
	{operate_map, 70},
	{operate_map_read, 60},
	{operate_map_write, 70},
	{operate_unmap, 25},
	{operate_fstat, 40},
	{operate_flags, 8},
	{operate_advise, 8},
	{operate_truncate, 20},
	{operate_rename, 18},
	{operate_link, 14},
	{operate_unlink, 14},
	{operate_mkdir, 15},
	{operate_rmdir, 4},
	{operate_symlink, 4},
	{operate_chmod, 12},
	{operate_chown, 8},
	{operate_times, 12},
	{operate_stat, 50},
	{operate_list, 12},
	{operate_setxattr, 15},
	{operate_getxattr, 15},
	{operate_removexattr, 8},
	{operate_pause, 6},
};

static unsigned weight_sum(void)
{
	unsigned sum = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		sum += table[i].weight;
	return sum;
}

void actor_step(struct actor *actor)
{
	unsigned left = actor_below(actor, weight_sum());
	size_t i = 0;

	while (left >= table[i].weight)
		left -= table[i++].weight;
	actor->step++;
	table[i].operate(actor);
}

static size_t direct_alignment(int dir)
{
	struct statx stx = {0};
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0) {
		statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx);
		close(fd);
	}
	return stx.stx_mask & STATX_DIOALIGN && stx.stx_dio_offset_align ? stx.stx_dio_offset_align : 4096;
}

int actor_init(struct actor *actor, unsigned number, uint64_t seed, const int dir[SIDES], struct trail *trail)
{
	*actor = (struct actor){.number = number, .random.state = seed, .trail = trail};
	actor->dio_align = direct_alignment(dir[PLAIN]);
	for (int s = PLAIN; s < SIDES; s++) {
		actor->dir[s] = dir[s];
		if (posix_memalign((void **)&actor->buffer[s], 4096, ACTOR_FILE_MAX))
			return -ENOMEM;
		memset(actor->buffer[s], 0, ACTOR_FILE_MAX);
	}
	for (int i = 0; i < ACTOR_HANDLES; i++)
		actor->handles[i].fd[PLAIN] = actor->handles[i].fd[MOUNT] = -1;
	return 0;
}

void actor_deinit(struct actor *actor)
{
	for (int i = 0; i < ACTOR_HANDLES; i++) {
		struct handle *handle = &actor->handles[i];

		if (handle->map[PLAIN])
			actor_unmap(handle);
		for (int s = PLAIN; s < SIDES; s++)
			if (handle->fd[s] >= 0)
				close(handle->fd[s]);
	}
	for (int s = PLAIN; s < SIDES; s++)
		free(actor->buffer[s]);
}
