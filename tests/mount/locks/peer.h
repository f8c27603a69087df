/*
 * peer - other processes with locks: on one file, in SOURCE, through the suite's mount and through a second
 * mount of the same SOURCE.
 */
#pragma once

#include "tests/support/suite.h"
#include <sys/types.h>

extern struct mount second;

enum kind { FLOCK, PROCESS, DESCRIPTION, KINDS };
extern const char *const kind_names[KINDS];

enum side { SOURCE, MOUNT, SECOND, SIDES };
extern const char *const side_names[SIDES];

/* cmocka's set-up of a program's first test: starts the second mount, and makes the file. */
int start_second(void **state);

/* Of the file; until the next call for that side. */
const char *path_on(enum side side);
int open_on(enum side side, int flags);
/* A new one in its place, which both mounts know. */
void make_file(void);

/* command: F_SETLK and its relatives. 0 or -errno. */
int range_lock(int fd, int command, short type, off_t start, off_t length);
/* type: F_RDLCK, F_WRLCK or F_UNLCK, of the whole file. 0 or -errno. */
int lock(int fd, enum kind kind, short type, bool wait);
/* What an open file has locked goes in SOURCE a moment after close(2) has returned, if it was opened by a
 * mount. */
int lock_soon(int fd, enum kind kind, short type);

struct peer {
	pid_t pid;
	int said, tell; /* pipes from it and to it */
};

/* In a child: sends a result to who reads from the pipe. */
void say(int fd, int result);
/* What it reported, or -ETIMEDOUT. */
int wait_for_word(struct peer *peer, int ms);

/* Reports its lock once, and keeps it until it is told to exit. */
struct peer peer_start(enum side side, enum kind kind, short type, bool wait);
struct peer peer_with_lock(enum side side, enum kind kind, short type);
struct peer peer_that_waits(enum side side, enum kind kind, short type);
void peer_end(struct peer *peer);
/* For a peer that may exit with any status. */
void peer_forget(struct peer *peer);

/* False if the child was not gone after so long. */
bool ends_within(pid_t pid, int ms);
