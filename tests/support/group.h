/*
 * group - a control group of the test's own, of version 1 or 2, for what a daemon does under a limit.
 *
 * One at a time. group_end() belongs into the test's teardown: it kills who is left in the group.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* False where this machine has no such controller, or it cannot be used. */
bool group_begin(const char *controller);

/* Writes to a file of the group, which has one name in each version. */
void group_set(const char *name_v1, const char *name_v2, const char *value);

/* The number behind a key in a file of the group, or -1. */
long long group_number(const char *name_v1, const char *name_v2, const char *key);

/* How many processes of it the OOM killer took, or -1. */
long long group_oom_kills(void);

/* What is forked in between belongs to the group. */
void group_enter(void);
void group_leave(void);
/* Reads pages of 4096 bytes from offset on, in the group, which pays for those that were not in the page
 * cache. */
void group_read(int fd, off_t offset, unsigned pages);
/* The file that a program writes its number into to enter by itself. */
const char *group_procs(void);

/* For cmocka_unit_test_teardown(); nothing where there is no group. */
int group_end(void **state);
