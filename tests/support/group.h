/*
 * group - a control group of the test's own, of version 1 or 2, for tests of a daemon under a limit.
 *
 * One at a time. Call group_end() in the test's teardown: it kills the processes that are left in the group.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* False where this machine has no such controller, or it cannot be used. */
bool group_begin(const char *controller);

/* Writes to a file of the group, whose name depends on the version. */
void group_set(const char *name_v1, const char *name_v2, const char *value);

/* The number behind a key in a file of the group, or -1. */
long long group_number(const char *name_v1, const char *name_v2, const char *key);

/* How many processes of it the OOM killer took, or -1. */
long long group_oom_kills(void);

/* Processes that are forked between these two calls belong to the group. */
void group_enter(void);
void group_leave(void);
/* Reads pages of 4096 bytes from offset on as a member of the group, which pays for those that were not in
 * the page cache. */
void group_read(int fd, off_t offset, unsigned pages);
/* The path of the file into which a process writes its pid to enter the group. */
const char *group_procs(void);

/* For cmocka_unit_test_teardown(); nothing where there is no group. */
int group_end(void **state);
