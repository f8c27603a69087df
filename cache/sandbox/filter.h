/*
 * filter - the system calls that a process may make (seccomp(2)).
 *
 * A call that is not on the list fails with ENOSYS, as on a kernel without it: libraries that try a newer
 * call first then fall back to an older one, where they would report EPERM. Each refused call is reported
 * once. Requests that go through an io_uring are not system calls and are not filtered.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A row allows a call; with a mask, only if (argument & mask) == value. Of several rows with the same name
 * any one suffices. Names that this architecture lacks are left out. */
struct filter_call {
	const char *name;
	int number; /* for a libseccomp that is older than the call; 0: it knows the name */
	unsigned argument;
	uint64_t mask, value; /* mask 0: whatever the arguments are */
};

struct filter_list {
	const struct filter_call *calls;
	size_t count;
};

extern const struct filter_list filter_of_daemon, filter_of_keeper, filter_of_asker;

/* Async-signal-safe. name: of the call, or NULL where it is not known. */
typedef void filter_refused(int number, const char *name);

/*
 * Sets no_new_privs and the filter for all threads of the process; both stay, for programs that are executed
 * too. refused() is called in a signal handler, in the thread that made the call. -EOPNOTSUPP: built without
 * libseccomp, and only this thread and those that it starts have no_new_privs; other -errno: the kernel
 * refuses.
 */
int filter_load(const struct filter_list *list, filter_refused *refused);

/* NULL: not known. From filter_load() on async-signal-safe. */
const char *filter_name_of(int number);
