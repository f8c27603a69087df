#include "fs/caller.h"

#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

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

/* Whether the thread's user namespace has a number for this one of ours. */
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
	return pid > 0 && has_capability(pid, capability) && is_mapped(pid, "uid_map", uid) &&
	       is_mapped(pid, "gid_map", gid);
}

bool caller_is_killed(pid_t pid)
{
	uint64_t signals, killed = UINT64_C(1) << (SIGKILL - 1);
	FILE *status = open_of(pid, "status");
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
