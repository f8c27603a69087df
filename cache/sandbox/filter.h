/*
 * filter - the system calls that a process may make (seccomp(2)).
 *
 * A call that is not on the list fails with ENOSYS, as on a kernel without it: libraries that try a newer
 * call first fall back to the older one then, where EPERM would be an answer to keep. Each such call is told
 * once. Requests that go through an io_uring are not system calls and are not filtered.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One row allows a call, if an argument has this value under a mask where there is one. Several rows with the
 * same name: any of them. A name that this architecture has not is left out. */
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

extern const struct filter_list filter_of_daemon, filter_of_keeper;

/* Async-signal-safe. name: of the call, or NULL where it is not known. */
typedef void filter_refused(int number, const char *name);

/*
 * Sets no_new_privs and the filter for all threads of the process; both stay, for programs that are executed
 * too. refused() is called by the thread that made the call. -EOPNOTSUPP: built without libseccomp, and only
 * this thread and those that it starts have no_new_privs; other -errno: the kernel refuses.
 */
int filter_load(const struct filter_list *list, filter_refused *refused);

/* NULL: not known. From filter_load() on async-signal-safe. */
const char *filter_name_of(int number);
