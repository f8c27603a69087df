/*
 * live_rules - the rules in force (-o rules=FILE), which apply at each open; see cache/policy/rules.h.
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

struct live_rules {
	pthread_rwlock_t lock;
	struct rules *rules; /* NULL: none */
	unsigned epoch;      /* 1 to 7; changes with each reload */
};

void live_rules_init(struct live_rules *live);
void live_rules_deinit(struct live_rules *live);

/* Reads the rules from path. 0 or -errno; after an error the old rules stay in force and *error is one line,
 * which the caller frees with g_free(). */
int live_rules_load(struct live_rules *live, const char *path, char **error);
unsigned live_rules_count(struct live_rules *live);

/*
 * What the rules say about an open of the file. decision->section is not set. source: SOURCE's path. If the
 * file's path is not known at the moment, the decision is that of its last open for reading, unless the rules
 * were reloaded since.
 */
void live_rules_ask(struct live_rules *live, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, bool writes, struct rule_decision *decision);

/* The name of the section that decides an open for reading, cut to size bytes; "": none. */
void live_rules_section(struct live_rules *live, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, char *section, size_t size);
