#include "fs/control/control.h"
#include "cache/base/list.h"
#include "cache/base/lock_order.h"
#include "fs/control/tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct control_session {
	struct list_node node; /* in the list of all */
	const struct control *control;
	uid_t caller;
	pthread_mutex_t lock; /* of the fields below; the reply is NULL until there is one */
	GString *reply;
	size_t position; /* of the next read in the reply */
	struct tap *tap; /* the reply goes on with its events; NULL: the reply ends */
};

/* The open sessions, to be closed at the end of the mount: the kernel need not release them. */
static struct {
	pthread_mutex_t lock;
	struct list open;
} sessions = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct control_session *control_open(const struct control *control, uid_t caller)
{
	struct control_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->control = control;
	session->caller = caller;
	pthread_mutex_init(&session->lock, NULL);
	lock_take(&sessions.lock, LOCK_SESSIONS);
	list_push_last(&sessions.open, &session->node);
	lock_drop(&sessions.lock, LOCK_SESSIONS);
	return session;
}

void control_close(struct control_session *session)
{
	if (!session)
		return;
	lock_take(&sessions.lock, LOCK_SESSIONS);
	list_remove(&sessions.open, &session->node);
	lock_drop(&sessions.lock, LOCK_SESSIONS);
	tap_close(session->tap);
	if (session->reply)
		g_string_free(session->reply, TRUE);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

void control_close_all(void)
{
	while (sessions.open.first)
		control_close(list_entry(sessions.open.first, struct control_session, node));
}

static const struct control_verb *find_verb(const struct control *control, const char *name)
{
	for (const struct control_verb *verb = control->verbs; verb->name; verb++) {
		if (strcmp(verb->name, name) == 0)
			return verb;
	}
	return NULL;
}

static int refuse_verb(const struct control *control, const char *name, GString *reply)
{
	g_string_append_printf(reply, "%s: unknown request, takes", name);
	for (const struct control_verb *verb = control->verbs; verb->name; verb++)
		g_string_append_printf(reply, "%s %s", verb == control->verbs ? "" : ",", verb->name);
	return -EINVAL;
}

static int run_verb(struct control_session *session, int argc, char *const *argv, GString *reply)
{
	const struct control *control = session->control;
	const struct control_verb *verb = find_verb(control, argv[0]);

	if (!verb)
		return refuse_verb(control, argv[0], reply);
	if (verb->needs_owner && session->caller != 0 && session->caller != control->owner) {
		g_string_append_printf(
			reply, "%s: only root and the owner of the mount may ask for this", verb->name);
		return -EACCES;
	}
	if (!verb->listen)
		return verb->handle(control->context, argc, argv, reply);
	if (argc > 1) {
		g_string_append_printf(reply, "%s: takes no arguments", verb->name);
		return -EINVAL;
	}
	return verb->listen(control->context, reply, &session->tap);
}

static int run_request(struct control_session *session, const char *buffer, size_t size, GString *reply)
{
	g_autofree char *line = NULL;
	g_auto(GStrv) argv = NULL;
	int argc;

	if (memchr(buffer, '\0', size)) {
		g_string_append(reply, "a request must not contain NUL bytes");
		return -EINVAL;
	}
	line = g_strndup(buffer, size);
	if (!g_shell_parse_argv(line, &argc, &argv, NULL)) {
		g_string_append(reply, "a request is a verb and its arguments, quoted as for a shell");
		return -EINVAL;
	}
	return run_verb(session, argc, argv, reply);
}

ssize_t control_write(struct control_session *session, const char *buffer, size_t size)
{
	GString *reply;
	int r;

	if (size > CONTROL_REQUEST_MAX)
		return -EMSGSIZE;
	lock_take(&session->lock, LOCK_CONTROL);
	if (session->reply) {
		lock_drop(&session->lock, LOCK_CONTROL);
		return -EBUSY;
	}
	reply = g_string_new(NULL);
	r = run_request(session, buffer, size, reply);
	if (r < 0)
		g_string_append_c(reply, '\n');
	session->reply = reply;
	lock_drop(&session->lock, LOCK_CONTROL);
	return r < 0 ? r : (ssize_t)size;
}

/* Under the session's lock. */
static ssize_t read_reply(struct control_session *session, char *buffer, size_t size)
{
	size_t length;

	if (!session->reply) {
		char *const argv[] = {(char *)session->control->verbs[0].name, NULL};

		session->reply = g_string_new(NULL);
		run_verb(session, 1, argv, session->reply);
	}
	length = MIN(size, session->reply->len - session->position);
	memcpy(buffer, session->reply->str + session->position, length);
	session->position += length;
	return (ssize_t)length;
}

ssize_t control_read(struct control_session *session, char *buffer, size_t size)
{
	ssize_t n;

	lock_take(&session->lock, LOCK_CONTROL);
	n = session->tap ? tap_read(session->tap, buffer, size) : read_reply(session, buffer, size);
	lock_drop(&session->lock, LOCK_CONTROL);
	return n;
}
