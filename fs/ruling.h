/*
 * ruling - the rules file in force (-o rules=FILE), asked at each open; see cache/policy/rules.h.
 *
 * Any thread may ask while another reads the file again.
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
	unsigned epoch;      /* 1 to 7, another after each reload */
};

void ruling_init(struct ruling *ruling);
void ruling_deinit(struct ruling *ruling);

/* Reads path; after an error the old rules stay in force and *error is one line, freed by the caller with
 * g_free(). */
int ruling_load(struct ruling *ruling, const char *path, char **error);
unsigned ruling_count(struct ruling *ruling);

/*
 * What the rules say about the file when it is opened now. decision->section is not set. source: SOURCE's
 * path. Where the kernel has forgotten the file's name, below the mount or altogether, it is what they said
 * when the file was last opened for reading, if they are still the same.
 */
void ruling_ask(struct ruling *ruling, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, bool writes, struct rule_decision *decision);

/* The name of the section that decides when the file is opened for reading, cut to size bytes; "": none. */
void ruling_section(struct ruling *ruling, struct tree *tree, const char *source, struct inode *inode,
	const struct statx *stx, char *section, size_t size);
