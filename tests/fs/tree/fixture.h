/*
 * fixture - a tree over a directory of the test's own, for each way in which a file system tells its files.
 */
#pragma once

#include "fs/tree/tree.h"
#include "tests/support/check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What SOURCE is, and so how its files are identified. Each test runs with some of these. */
enum source {
	BY_HANDLE, /* a directory of the disk: a handle that a nodeid can hold where that is ext4 or xfs */
	IN_MEMORY, /* tmpfs: a handle that the inode holds */
	BY_NAME,   /* the same disk without the right to open by handle: inode number and birth time */
	BY_NUMBER, /* ramfs: neither handles nor birth times */
};

#define TREE_DESCRIPTORS 16 /* the limit of each fixture's set */

struct fixture {
	enum source source;
	void (*test)(const struct fixture *fixture);
	struct tree *tree;
	struct inode *root;
	int dir;         /* of SOURCE, to change it behind the tree's back */
	int descriptors; /* that the process had open when the tree was new */
	char path[32];   /* of SOURCE; empty where it has no name */
};

/* Runs the test with a new tree, or skips it where this machine or user has no such source. */
void fixture_run(void **state);
int fixture_teardown(void **state);

/* clang-format off */
/* A test with a tree over such a source, named after both. */
#define WITH(function, kind)                                                             \
	{                                                                                \
		.name = #function " " #kind,                                             \
		.test_func = fixture_run,                                                \
		.teardown_func = fixture_teardown,                                       \
		.initial_state = &(struct fixture){.source = (kind), .test = (function)} \
	}
/* clang-format on */
#define WITH_HANDLES(test) WITH(test, BY_HANDLE), WITH(test, IN_MEMORY)
#define WITHOUT_HANDLES(test) WITH(test, BY_NAME), WITH(test, BY_NUMBER)
#define WITH_ALL(test) WITH_HANDLES(test), WITHOUT_HANDLES(test)

/* To be called first: what the program mounts goes with it, however it ends. */
void fixture_hide_mounts(void);

/* Makes a file below SOURCE that contains its own name. */
void fixture_make(const struct fixture *fixture, const char *name);

/* tree_lookup() of a name that is there; the caller has the reference. */
struct inode *fixture_find(const struct fixture *fixture, struct inode *parent, const char *name);

/* Whether the tree remembers the file after it was forgotten: its nodeid does not hold its handle. */
bool fixture_remembers(const struct fixture *fixture, const struct inode *inode);

/* Closes what descriptors the tree can spare. */
void fixture_rest(const struct fixture *fixture);

/* Opens the file through the tree and checks that it is the one made under this name. */
void assert_opens(const struct fixture *fixture, struct inode *inode, const char *name);

/* Descriptors that the tree has opened since it was new. */
int fixture_descriptors(const struct fixture *fixture);
