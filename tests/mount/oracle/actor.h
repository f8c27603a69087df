/*
 * actor - does random file operations on a mount and the same ones on a plain directory, and compares each
 * answer.
 *
 * The plain directory is right by definition. Everything follows from the seed; a difference ends the process
 * with the operation, both answers and the operations that led there on stderr.
 */
#pragma once

#include "tests/support/random.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ACTOR_HANDLES 10
#define ACTOR_FILE_MAX (320 * 1024)
#define ACTOR_MAP_MAX (256 * 1024)

/* The two sides, as indices. */
enum side { PLAIN, MOUNT, SIDES };

struct handle {
	int fd[SIDES];         /* -1: not open */
	int flags, open_flags; /* now, and as given to open */
	char name[64];
	char *map[SIDES];   /* NULL: not mapped; may outlive the descriptors */
	int path_fd[SIDES]; /* O_PATH, while mapped: tells the size without holding the file open */
	size_t map_length;
	bool map_writable;
};

struct trail; /* the last operations as text, shared with the parent, which prints them if the actor dies */

struct actor {
	unsigned number;
	unsigned long step;
	struct random random;
	int dir[SIDES];     /* working directories; owned by the caller */
	bool compare_times; /* the caller's choice */
	size_t dio_align;   /* of offset and length of O_DIRECT requests */
	struct handle handles[ACTOR_HANDLES];
	char *buffer[SIDES]; /* ACTOR_FILE_MAX bytes, page-aligned */
	struct trail *trail;
};

struct trail *trail_new(void);
void trail_print(const struct trail *trail, unsigned number);

int actor_init(
	struct actor *actor, unsigned number, uint64_t seed, const int dir[SIDES], struct trail *trail);
/* One random operation on both sides. Does not return if they differ. */
void actor_step(struct actor *actor);
/* Closes and unmaps everything. */
void actor_deinit(struct actor *actor);

/* Below: between actor.c, which chooses, and the files with the operations. */
void actor_begin(struct actor *actor, const char *format, ...) __attribute__((format(printf, 2, 3)));
void actor_differ(struct actor *actor, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* Compares two results of calls that fail with -1 and errno; true if both succeeded. */
bool actor_same(
	struct actor *actor, const char *what, long plain, int plain_errno, long mount, int mount_errno);

/* Makes the call once per side; s is the side. */
#define ON_BOTH(actor, what, call)                                                                     \
	({                                                                                             \
		long result_[SIDES];                                                                   \
		int error_[SIDES];                                                                     \
		for (int s = PLAIN; s < SIDES; s++) {                                                  \
			errno = 0;                                                                     \
			result_[s] = (call);                                                           \
			error_[s] = errno;                                                             \
		}                                                                                      \
		actor_same(actor, what, result_[PLAIN], error_[PLAIN], result_[MOUNT], error_[MOUNT]); \
	})

unsigned actor_below(struct actor *actor, unsigned limit);
/* A path of the small set that all operations work on. */
void actor_name(struct actor *actor, char name[64]);
void actor_dir_name(struct actor *actor, char name[64]);
/* Lengths and offsets crowd around page ends and the limits between lanes. */
size_t actor_size(struct actor *actor);
struct handle *actor_open_handle(struct actor *actor);
/* Mostly one that may be read, or written; now and then any, to see the error. */
struct handle *actor_readable(struct actor *actor);
struct handle *actor_writable(struct actor *actor);
off_t actor_plain_size(const struct handle *handle);
/* Ends a request at ACTOR_FILE_MAX and aligns it for handles with O_DIRECT. */
void actor_fit(struct actor *actor, const struct handle *handle, off_t *offset, size_t *length);

/* Ends the mapping of both sides. */
void actor_unmap(struct handle *handle);

typedef void operation(struct actor *actor);
operation operate_open, operate_close, operate_close_all, operate_read, operate_write, operate_read_whole,
	operate_ftruncate;
operation operate_fallocate, operate_fsync, operate_copy, operate_send, operate_map, operate_map_read,
	operate_map_write;
operation operate_unmap, operate_fstat, operate_flags, operate_advise;
operation operate_truncate, operate_rename, operate_link, operate_unlink, operate_mkdir, operate_rmdir,
	operate_symlink;
operation operate_chmod, operate_chown, operate_times, operate_stat, operate_list, operate_setxattr,
	operate_getxattr;
operation operate_removexattr, operate_overwrite, operate_pause;
