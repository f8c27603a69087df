/*
 * control - requests to a running mount, through its hidden file .sievefs.
 *
 * The file is opened, one request is written (one write: a verb and its arguments, quoted as for a shell) and
 * the reply is read until its end. Who reads without having written gets the reply of the first verb without
 * arguments. The reply to a verb that listens goes on until somebody ends it: a read gives what has come, or
 * -EAGAIN where nothing has. A request that fails makes the write fail with its errno, and the reply is then
 * one line that says why.
 *
 * Knows nothing of FUSE. Calls for different sessions may come from any threads at once, and so may those for
 * one session; handlers must bear that.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tap;

/* The name in the mount's root that lookup knows and readdir does not show. */
#define CONTROL_NAME ".sievefs"

/* The longest request, bytes. */
#define CONTROL_REQUEST_MAX 8192

/*
 * Answers a request: @argv[0] is the verb, ended by NULL. 0 with the reply appended to @reply, or -errno with
 * the reason in one line in it.
 */
typedef int control_handler(void *context, int argc, char *const *argv, GString *reply);

/* Begins to listen: 0 with a tap, which the session closes at its end, or -errno with the reason in @reply.
 */
typedef int control_listener(void *context, GString *reply, struct tap **tap);

struct control_verb {
	const char *name;
	bool needs_owner; /* only for root and the user who mounted */
	control_handler *handle;
	control_listener *listen; /* instead; takes no arguments */
};

struct control {
	const struct control_verb *verbs; /* ended by a row without a name */
	void *context;                    /* for the handlers */
	uid_t owner;                      /* who mounted */
};

struct control_session;

/* NULL without memory. @control outlives the session. */
struct control_session *control_open(const struct control *control, uid_t caller);

/* @size, or -errno: the request's own, -EACCES, -EMSGSIZE for too long a request, -EBUSY for a second one. */
ssize_t control_write(struct control_session *session, const char *buffer, size_t size);

/* The next bytes of the reply, 0 at its end, or -EAGAIN (see above). A stream: the file's position has moved
 * with the request's bytes. */
ssize_t control_read(struct control_session *session, char *buffer, size_t size);

/* Accepts NULL. */
void control_close(struct control_session *session);

/* At the end of the mount, when nobody asks any more: what the kernel did not release. */
void control_close_all(void);
