#include "cache/sandbox/capabilities.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache/sandbox/sanitized.h"

/* The options of the file system at /proc follow the " - " of its line. */
static bool proc_hides_processes(void)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	bool hides = false;

	while (mounts && fgets(line, sizeof(line), mounts))
		if (strstr(line, " /proc ") && strstr(line, " - proc "))
			hides = strstr(line, "hidepid=") != NULL;
	if (mounts)
		fclose(mounts);
	return hides;
}

uint64_t capabilities_of_daemon(void)
{
	uint64_t kept = CAPABILITY(CHOWN) | CAPABILITY(DAC_OVERRIDE) | CAPABILITY(DAC_READ_SEARCH) |
			CAPABILITY(FOWNER) | CAPABILITY(FSETID) | CAPABILITY(IPC_LOCK) | CAPABILITY(KILL) |
			CAPABILITY(LEASE) | CAPABILITY(LINUX_IMMUTABLE) | CAPABILITY(MKNOD) |
			CAPABILITY(SETFCAP) | CAPABILITY(SETGID) | CAPABILITY(SETUID) | CAPABILITY(SYS_ADMIN);

	/* LeakSanitizer attaches to the threads of the daemon, which may have changed its user ids */
	if (proc_hides_processes() || IS_SANITIZED)
		kept |= CAPABILITY(SYS_PTRACE);
	return kept;
}

static void drop_from_bounding_set(uint64_t kept)
{
	for (int number = 0; number < 64 && prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
		if (!(kept >> number & 1))
			prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
}

int capabilities_keep(uint64_t kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct words[2];

	drop_from_bounding_set(kept); /* needs CAP_SETPCAP, which the rest drops */
	if (syscall(SYS_capget, &header, words) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(kept >> 32 * i);

		words[i].permitted &= mask;
		words[i].effective &= mask;
		words[i].inheritable &= mask;
	}
	return syscall(SYS_capset, &header, words) < 0 ? -errno : 0;
}
