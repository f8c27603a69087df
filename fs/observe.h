/*
 * observe - what happens between a request's arrival and its reply: how long it took, for all of them; and
 * for who listens (taps), a line of the access log, or a record of an open for a trace.
 *
 * observe_begin() is called before an operation, observe_reply() just before its reply is sent, by whatever
 * thread sends it. What is known of a request meanwhile is kept in a table of fixed size, found by the
 * request's address: libfuse leaves no room for it in the request. No lock and no allocation while nobody
 * listens.
 */
#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>
#include <sys/types.h>

#include "fs/control/operation.h"

struct handle;
struct latency;
struct observer;
struct server;
struct taps;

/* NULL without memory. */
struct observer *observe_new(struct server *server);
void observe_free(struct observer *observer); /* NULL is fine */

const struct latency *observe_latency(const struct observer *observer);
struct taps *observe_taps(struct observer *observer);

/* name: in the directory ino; NULL: the request is about ino itself. */
void observe_begin(fuse_req_t req, enum operation operation, fuse_ino_t ino, const char *name);

/* result: 0, a number of bytes, or -errno. A request that was not begun (the control file's) is passed over.
 */
void observe_reply(fuse_req_t req, ssize_t result);

/* A file was opened or made. Called before the reply. */
void observe_opened(struct server *server, const struct handle *handle);

/* Has each operation in ops begin with observe_begin(). Once per process. */
void observe_operations(struct fuse_lowlevel_ops *ops);
