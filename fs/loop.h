/*
 * loop - takes requests from /dev/fuse, as libfuse's own loop does, but never with all of its threads at once
 * for what may wait for SOURCE.
 *
 * Operations look names, attributes and files up in the thread that took the request. Where SOURCE does not
 * answer (a network file system whose server is gone) each such request holds a thread for as long.
 * LOOP_RESERVED threads are left over for the rest: the control file, copies that are used without asking
 * (revalidate), FORGET. Requests beyond that are put aside, and carried out in their order as threads get
 * free.
 *
 * Only for transport=dev: over io_uring libfuse has one thread for each CPU.
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
	struct server *server; /* with its session */
	unsigned most;    /* requests at a time that may wait for SOURCE; that and LOOP_RESERVED threads */
	size_t aside_max; /* bytes of requests that are put aside; what comes then takes a reserved thread */
};

/* 0 or -errno. */
int loop_new(const struct loop_settings *settings, struct loop **out);
void loop_free(struct loop *loop);

/* Until the session has exited. 0 or -errno. */
int loop_serve(struct loop *loop);

/* From any thread, after fuse_session_exit(). */
void loop_wake(struct loop *loop);

/*
 * Once a second: lets those go who were killed while they wait for SOURCE, where nothing that they asked for
 * is lost by it (EINTR), and answers statfs(2) and stat(2) of the mount point that wait since a second with
 * what SOURCE said last: umount(8) asks for both. What the operation replies later the kernel throws away.
 */
void loop_rescue(struct loop *loop);

/* What SOURCE says of the root; loop may be NULL. */
void loop_note_statfs(struct loop *loop, const struct statvfs *fs);
void loop_note_attr(struct loop *loop, const struct stat *st);

/* loop_request - whether a request may have to wait for SOURCE. */
bool loop_may_wait(struct server *server, const struct fuse_in_header *in, size_t size);
/* Whether its caller can be let go: the request changes nothing, and its operation holds only one inode. */
bool loop_may_let_go(const struct fuse_in_header *in);
/* The same for one that no thread has taken yet: all but those that give something back. */
bool loop_may_drop(const struct fuse_in_header *in);
