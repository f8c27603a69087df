/*
 * capabilities - drops all capabilities that a process does not need.
 *
 * A set is a word with bit N for capability N. Linux keeps capabilities per thread: call before there are
 * threads.
 */
#pragma once

#include <stdint.h>
#include <sys/capability.h>

#define CAPABILITY(name) (UINT64_C(1) << CAP_##name)

/* What the daemon uses; sievefs(8), SANDBOX, says for what. CAP_SYS_PTRACE is among them only if /proc hides
 * the processes of others, or in a build with sanitizers. */
uint64_t capabilities_of_daemon(void);

/* What the process behind auto_unmount uses. */
#define CAPABILITIES_OF_GUARD (CAPABILITY(SYS_ADMIN) | CAPABILITY(DAC_READ_SEARCH))

/* What the process that asks the daemon's own mount uses: to reach it. */
#define CAPABILITIES_OF_ASKER CAPABILITY(DAC_READ_SEARCH)

/*
 * Takes all but `kept` out of the permitted, effective, inheritable and bounding sets. Nothing is added to
 * them. The bounding set of a thread without CAP_SETPCAP stays as it is: with no_new_privs it gives nothing.
 * 0 or -errno.
 */
int capabilities_keep(uint64_t kept);
