/*
 * observe - measures the latency of each request, from its arrival to its reply. For listeners
 * (control/tap.h) it also makes a line of the access log, or a record of an open for a trace.
 *
 * observe_begin() is called before an operation, observe_reply() by the thread that is about to send the
 * reply. Between the two, data about the request is in a table of fixed size, by the request's address, since
 * libfuse's request has no room for it. Takes no lock and allocates nothing while there are no listeners.
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

/* NULL if out of memory. */
struct observer *observe_new(struct server *server);
void observe_free(struct observer *observer); /* NULL is fine */

const struct latency *observe_latency(const struct observer *observer);
struct taps *observe_taps(struct observer *observer);

/* name: in the directory ino; NULL: the request is about ino itself. */
void observe_begin(fuse_req_t req, enum operation operation, fuse_ino_t ino, const char *name);

/* result: 0, a number of bytes, or -errno. Requests without observe_begin() (those of the control file) are
 * ignored. */
void observe_reply(fuse_req_t req, ssize_t result);

/* A file was opened or created. Called before the reply. */
void observe_opened(struct server *server, const struct handle *handle);

/* Wraps each operation in ops, so that it calls observe_begin() first, and so that its thread can't be
 * cancelled from then on. Once per process. */
void observe_operations(struct fuse_lowlevel_ops *ops);
