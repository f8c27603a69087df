#include "fs/users/caller.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/log.h"

#define GROUPS "Groups:"

static bool proc_is_ours;

static void look_at_proc(void)
{
	char own[32] = "";

	if (readlink("/proc/self", own, sizeof(own) - 1) < 0)
		return;
	proc_is_ours = strtol(own, NULL, 10) == getpid();
}

bool caller_is_visible(pid_t pid)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, look_at_proc);
	if (pid > 0 && proc_is_ours)
		return true;
	log_once(LOG_LEVEL_WARNING,
		"a caller cannot be seen from the daemon's PID namespace: its capabilities and supplementary "
		"groups do not count, but set-gid without group execute stays");
	return false;
}

/* Opens /proc/PID/name. */
static FILE *open_of(pid_t pid, const char *name)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

static bool has_capability(pid_t pid, int capability)
{
	FILE *status = open_of(pid, "status");
	uint64_t effective = 0;
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %" SCNx64, &effective) == 1)
			break;
	if (status)
		fclose(status);
	return effective >> capability & 1;
}

/* Whether the thread's user namespace maps this id of ours. */
static bool is_mapped(pid_t pid, const char *map, uint32_t id)
{
	FILE *lines = open_of(pid, map);
	uint32_t first, count;
	bool found = false;

	while (lines && !found && fscanf(lines, "%*u %" SCNu32 " %" SCNu32, &first, &count) == 2)
		found = id >= first && id - first < count;
	if (lines)
		fclose(lines);
	return found;
}

bool caller_is_capable(pid_t pid, int capability, uid_t uid, gid_t gid)
{
	return caller_is_visible(pid) && has_capability(pid, capability) && is_mapped(pid, "uid_map", uid) &&
	       is_mapped(pid, "gid_map", gid);
}

bool caller_is_killed(pid_t pid)
{
	uint64_t signals, killed = UINT64_C(1) << (SIGKILL - 1);
	FILE *status = caller_is_visible(pid) ? open_of(pid, "status") : NULL;
	bool found = false;
	char line[256];

	while (status && !found && fgets(line, sizeof(line), status))
		found = (sscanf(line, "SigPnd: %" SCNx64, &signals) == 1 ||
				sscanf(line, "ShdPnd: %" SCNx64, &signals) == 1) &&
			signals & killed;
	if (status)
		fclose(status);
	return found;
}

/* The list of groups in /proc/PID/status, which the caller frees; NULL if the thread can't be seen. Of any
 * length, since there are up to 65536 groups. */
static char *read_groups(pid_t pid)
{
	FILE *status = caller_is_visible(pid) ? open_of(pid, "status") : NULL;
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (status && !found && getline(&line, &size, status) > 0)
		found = strncmp(line, GROUPS, strlen(GROUPS)) == 0;
	if (status)
		fclose(status);
	if (found)
		memmove(line, line + strlen(GROUPS), strlen(line + strlen(GROUPS)) + 1);
	else
		free(line);
	return found ? line : NULL;
}

/* Takes the first group off the list. */
static bool next_group(char **list, gid_t *group)
{
	char *end;

	*group = (gid_t)strtoul(*list, &end, 10);
	if (end == *list)
		return false;
	*list = end;
	return true;
}

size_t caller_groups(pid_t pid, gid_t *groups, size_t size)
{
	char *line = read_groups(pid), *rest = line;
	size_t count = 0;

	while (line && count < size && next_group(&rest, &groups[count]))
		count++;
	free(line);
	return count;
}

bool caller_has_group(pid_t pid, gid_t gid, bool unseen)
{
	char *line = read_groups(pid), *rest = line;
	bool found = !line && unseen;
	gid_t group;

	while (line && !found && next_group(&rest, &group))
		found = group == gid;
	free(line);
	return found;
}
