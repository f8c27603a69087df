/*
 * suite - a program of mount tests: arguments, a private mount namespace, and clean-up in all cases.
 *
 * The tests run in a child. Afterwards its parent kills every process and unmounts every mount that the child
 * left behind, and removes the base directory, even if the child crashed, hung or was interrupted. As root,
 * all mounts are in a mount namespace of their own, so nothing can stay behind on the machine. If the sandbox
 * of any of their daemons refuses a system call, the run fails.
 *
 * Arguments of every such program, in any order:
 *
 *   lane=plain|cached|copied|direct|trailed|written|mixed|served
 *   transport=dev|uring
 *   passthrough=on|off
 *   user=NAME           the tests run as this user
 *   bare                without a daemon
 *   source=overlay|tmpfs|fuse|TYPE
 *                       the file system of SOURCE and of the bare directory
 *   descriptors=none    the daemon keeps no descriptor between operations, as after a pause
 *   --seed=N --ops=N --procs=N --files=N --test=PATTERN --keep
 */
#pragma once

#include "tests/support/check.h"
#include "tests/support/mount.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct suite_config {
	char base[PATH_MAX];     /* the directory of all files of this run */
	const char *lane;        /* NULL: the defaults of the daemon */
	const char *transport;   /* NULL: the daemon's choice */
	const char *passthrough; /* NULL: the daemon's choice */
	const char *descriptors; /* NULL: as many as the daemon likes */
	bool bare;
	const char *source; /* the type of SOURCE's file system; NULL: that of the base directory */
	bool overlay, fuse; /* source is "overlay"; is "fuse" */
	bool user;          /* the tests run as an ordinary user */
	bool keep;
	uid_t uid;
	gid_t gid;
	uint64_t seed;
	unsigned long op_count, proc_count, file_count; /* 0: the test's own default */
};

extern struct suite_config config;

/* The mount that suite_mounted() made, and the bare directory beside it. */
extern struct mount mounted;
extern char bare_dir[PATH_MAX];

struct suite {
	const char *name;
	const struct CMUnitTest *tests;
	size_t test_count;
	const char *options; /* further mount options; NULL: none */
	bool mounts;         /* one mount for all tests of the suite; otherwise each test makes its own */
	bool needs_root;
	bool needs_daemon;    /* makes no sense on a bare directory */
	bool needs_cachestat; /* needs cachestat(2) (Linux 6.5) */
};

int suite_run(const struct suite *suite, int argc, char **argv);

#define SUITE_MAIN(suite)                             \
	int main(int argc, char **argv)               \
	{                                             \
		return suite_run(&suite, argc, argv); \
	}

/* fork(); the child gets the default actions of the signals that cmocka catches. The child must _exit(). */
pid_t suite_fork(void);

/* Whether a mount with transport=uring is possible. */
bool suite_uring_can_be_had(void);

/* Sanitizers use memory and threads of their own: limits of the daemon can't be tested with them. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) || \
	__has_feature(thread_sanitizer)
#define SUITE_IS_SANITIZED 1
#else
#define SUITE_IS_SANITIZED 0
#endif
