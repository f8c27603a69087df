/*
 * control - requests to a running mount, through its hidden file .sievefs (the control file).
 *
 * A client opens the file, writes one request (in one write, or by the ioctl(2) CONTROL_LINE_IOCTL: a verb
 * and its arguments, quoted as for a shell) and reads the reply until its end. A read without a request gets
 * the reply to the first verb without arguments. The reply to a verb that listens goes on until the client
 * closes the file or the listening is ended: a read returns what has arrived, or -EAGAIN if nothing has. If a
 * request fails, the write fails with its errno, and the reply is one line with the reason.
 *
 * Independent of FUSE. Any threads may call at the same time, also for the same session; handlers must be
 * thread-safe.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "fs/control/file_request.h" /* CONTROL_REQUEST_MAX */

struct tap;

/* The control file's name in the mount's root: lookup finds it, readdir does not list it. */
#define CONTROL_NAME ".sievefs"

/*
 * Handles a request: @argv[0] is the verb, the list ends with NULL. Returns 0 with the reply appended to
 * @reply, or -errno with the reason appended as one line.
 */
typedef int control_handler(void *context, int argc, char *const *argv, GString *reply);

/* Starts listening: 0 with a tap, which the session closes at its end, or -errno with the reason in
 * @reply. */
typedef int control_listener(void *context, GString *reply, struct tap **tap);

struct control_verb {
	const char *name;
	bool needs_owner; /* only for root and the user who mounted */
	control_handler *handle;
	control_listener *listen; /* in place of handle; the verb takes no arguments */
};

struct control {
	const struct control_verb *verbs; /* ends with a row without a name */
	void *context;                    /* for the handlers */
	uid_t owner;                      /* the user who mounted */
};

struct control_session;

/* NULL if out of memory. @control must outlive the session. */
struct control_session *control_open(const struct control *control, uid_t caller);

/* Returns @size, or -errno: that of the request, -EACCES, -EMSGSIZE if the request is too long, -EBUSY for a
 * second request. */
ssize_t control_write(struct control_session *session, const char *buffer, size_t size);

/* Reads the next bytes of the reply: returns their number, 0 at the end, or -EAGAIN (see above). Offsets are
 * ignored, since the request has moved the file's position. */
ssize_t control_read(struct control_session *session, char *buffer, size_t size);

/* Accepts NULL. */
void control_close(struct control_session *session);

/* Closes the sessions that the kernel did not release. At the end of the mount, without other threads. */
void control_close_all(void);
