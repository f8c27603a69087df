/*
 * ruling - the rules in force (-o rules=FILE), which apply at each open; see cache/policy/rules.h.
 *
 * Any thread may call while another reloads the file.
 */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "cache/policy/rules.h"

struct inode;
struct tree;

struct ruling {
	pthread_rwlock_t lock;
	struct rules *rules; /* NULL: none */
	unsigned epoch;      /* 1 to 7; changes with each reload */
};

void ruling_init(struct ruling *ruling);
void ruling_deinit(struct ruling *ruling);

/* Reads the rules from path. 0 or -errno; after an error the old rules stay in force and *error is one line,
 * which the caller frees with g_free(). */
int ruling_load(struct ruling *ruling, const char *path, char **error);
unsigned ruling_count(struct ruling *ruling);

/*
 * What the rules say about an open of the file. decision->section is not set. source: SOURCE's path. If the
 * file's path is not known at the moment, the decision is that of its last open for reading, unless the rules
 * were reloaded since.
 */
void ruling_ask(struct ruling *ruling, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, bool writes, struct rule_decision *decision);

/* The name of the section that decides an open for reading, cut to size bytes; "": none. */
void ruling_section(struct ruling *ruling, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, char *section, size_t size);
