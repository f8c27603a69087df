/*
 * loop - receives requests from /dev/fuse, as libfuse's own loop does, but reserves threads for requests that
 * do not need SOURCE.
 *
 * Operations look up names, attributes and files in the thread that received the request. While SOURCE does
 * not answer (a network file system whose server is down), each such request occupies a thread. LOOP_RESERVED
 * threads remain for requests that do not wait for SOURCE: the control file, copies within revalidate,
 * FORGET. When all other threads are occupied, further requests that may wait are queued ("put aside") and
 * carried out in order as threads become free.
 *
 * Only for transport=dev: over io_uring libfuse has one thread per CPU.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuse_in_header;
struct fuse_session;
struct loop;
struct server;
struct stat;
struct statvfs;

#define LOOP_RESERVED 4

struct loop_settings {
	struct server *server; /* its session is set */
	unsigned most; /* requests at a time that may wait for SOURCE; there are LOOP_RESERVED more threads */
	size_t aside_max; /* bytes of queued requests; beyond that a request takes a reserved thread */
};

/* 0 or -errno. */
int loop_new(const struct loop_settings *settings, struct loop **out);
void loop_free(struct loop *loop);

/* Serves requests until the session has exited. 0 or -errno. */
int loop_serve(struct loop *loop);

/* Makes loop_serve() return. From any thread, after fuse_session_exit(). */
void loop_wake(struct loop *loop);

/*
 * Call once a second. Answers with EINTR the requests of killed callers that wait for SOURCE, if the request
 * changes nothing. Answers statfs(2) and stat(2) of MOUNTPOINT that have waited for a second with SOURCE's
 * last answer, since umount(8) asks for both. The kernel discards the operation's own reply when it comes.
 */
void loop_rescue(struct loop *loop);

/* Records SOURCE's answers for its root, for loop_rescue(). loop may be NULL. */
void loop_note_statfs(struct loop *loop, const struct statvfs *fs);
void loop_note_attr(struct loop *loop, const struct stat *st);

/* (loop_request.c) Whether a request may have to wait for SOURCE. */
bool loop_may_wait(struct server *server, const struct fuse_in_header *in, size_t size);
/* Whether a request in progress may be answered early: it changes nothing, and its operation uses only one
 * inode. */
bool loop_may_let_go(const struct fuse_in_header *in);
/* Whether a queued request may be answered without being carried out: all but those that release
 * something. */
bool loop_may_drop(const struct fuse_in_header *in);
