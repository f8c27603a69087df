#include "fs/asker.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/sandbox/sandbox.h"
#include "fs/control/control.h"
#include "fs/helper.h"

enum { MOUNT = 'm', CONTROL = 'c' }; /* questions; the answer is a byte: whether there was no error */

/* --- the process --------------------------------------------------------------------------------- */

static bool try_mount(const char *mountpoint)
{
	struct statvfs fs;
	struct stat st;

	return statvfs(mountpoint, &fs) == 0 && stat(mountpoint, &st) == 0;
}

static bool try_control(const char *control)
{
	struct statx stx;

	return statx(AT_FDCWD, control, AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &stx) == 0;
}

static void answer_questions(int socket, const void *context)
{
	const struct asker *asker = context;
	char question, answer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (asker->sandboxed)
		sandbox_asker(socket);
	while (helper_receive(socket, &question, 1) == 1) {
		answer = (char)(question == MOUNT ? try_mount(asker->mountpoint)
						  : try_control(asker->control));
		/* not before: until then an automount point is open only to its automounter's group */
		setsid();
		if (write(socket, &answer, 1) != 1)
			break;
	}
}

int asker_begin(struct asker *asker, const char *mountpoint, bool sandboxed)
{
	*asker = (struct asker){
		.mountpoint = mountpoint,
		.control = g_build_filename(mountpoint, CONTROL_NAME, NULL),
		.sandboxed = sandboxed,
		.socket = -1,
	};
	asker->process = helper_start("sieve-asker", answer_questions, asker, &asker->socket);
	if (asker->process >= 0)
		return 0;
	g_free(asker->control);
	return asker->process;
}

void asker_end(struct asker *asker)
{
	if (asker->socket >= 0) {
		close(asker->socket);
		waitpid(asker->process, NULL, 0);
	}
	asker->socket = -1;
	g_free(asker->control);
	asker->control = NULL;
}

/* --- the daemon ---------------------------------------------------------------------------------- */

/* 1, 0 or -1: the process is gone. */
static int ask(struct asker *asker, char question)
{
	struct sandbox_refused refused;
	ssize_t n = write(asker->socket, &question, 1);

	while (n > 0) {
		/* an answer, or the report of a refused call */
		n = helper_receive(asker->socket, &refused, sizeof(refused));
		if (n == 1)
			return *(char *)&refused;
		if (n == sizeof(refused))
			sandbox_log_refused("the asker", refused.number);
	}
	log_once(LOG_LEVEL_WARNING, "the process that asks whether the mount answers is gone");
	return -1;
}

bool asker_tries_mount(struct asker *asker)
{
	return ask(asker, MOUNT) != 0;
}

void asker_tries_control(struct asker *asker)
{
	ask(asker, CONTROL);
}
