#include "cache/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/base/log.h"
#include "cache/sandbox/capabilities.h"
#include "cache/sandbox/filter.h"

#define REFUSED "sandbox: refused "

static int also_to = -1; /* for tests: a file that gets each line, whatever the log level and the sink */

/* Async-signal-safe. */
static void say_refused(const char *who, int number, const char *name)
{
	char line[160] = REFUSED, *end = line + strlen(line), digits[16], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	for (unsigned rest = (unsigned)number; at == digits + sizeof(digits) - 1 || rest; rest /= 10)
		*--at = (char)('0' + rest % 10);
	end = stpcpy(stpcpy(end, who), " the system call ");
	end = stpcpy(stpcpy(stpcpy(stpcpy(end, name ? name : "number"), " ("), at), ")");
	log_from_signal(line);
	*end++ = '\n';
	if (also_to >= 0)
		(void)!write(also_to, line, (size_t)(end - line));
}

static void daemon_refused(int number, const char *name)
{
	say_refused("the daemon", number, name);
}

void sandbox_log_refused(const char *who, int number)
{
	say_refused(who, number, filter_name_of(number));
}

static bool mounts_by_itself(void)
{
	return geteuid() == 0;
}

bool sandbox_forbids_fusermount(void)
{
	return !mounts_by_itself();
}

void sandbox_begin(bool sets_classes)
{
	const char *path = getenv("SIEVEFS_SANDBOX_LOG"); /* for tests */
	int r = capabilities_keep(capabilities_of_daemon() | (sets_classes ? CAPABILITY(SYS_NICE) : 0));

	if (r < 0)
		log_warning("sandbox: can't drop capabilities: %s", strerror(-r));
	if (mounts_by_itself() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warning("sandbox: can't set no_new_privs: %s", strerror(errno));
	if (path)
		also_to = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

void sandbox_close(void)
{
	int r = filter_load(&filter_of_daemon, daemon_refused);

	if (r == -EOPNOTSUPP)
		log_info("sandbox: built without libseccomp: system calls are not filtered");
	else if (r < 0)
		log_warning("sandbox: system calls are not filtered: %s", strerror(-r));
}

void sandbox_guard(void)
{
	capabilities_keep(CAPABILITIES_OF_GUARD);
}

/* --- processes that report to the daemon --------------------------------------------------------- */

static int report_socket;

static void report(int number, const char *name)
{
	const struct sandbox_refused refused = {number};

	(void)!send(report_socket, &refused, sizeof(refused), MSG_NOSIGNAL);
}

int sandbox_keeper(int socket)
{
	report_socket = socket;
	return filter_load(&filter_of_keeper, report);
}

void sandbox_asker(int socket)
{
	report_socket = socket;
	capabilities_keep(CAPABILITIES_OF_ASKER);
	filter_load(&filter_of_asker, report);
}
