/*
 * rules_text - the lines of a rules file, each with its number, so that an error can name it.
 *
 * The form is GLib's key file. GKeyFile keeps no line numbers, merges sections with the same name and takes
 * the last of equal keys; here both are errors. Values are read by GKeyFile. Private to rules.c.
 */
#pragma once

#include "cache/policy/rules.h"

#include <glib.h>

struct rules_line {
	unsigned number;
	const char *section, *key, *value; /* key and value NULL at a section's beginning and end */
	rules_find_user *find_user;
	char **error;
};

/* Writes "line N: key=value: ..." to the caller's error and returns -EINVAL. */
int rules_complain(struct rules_line *line, const char *format, ...) G_GNUC_PRINTF(2, 3);

struct rules_visitor {
	int (*begin)(void *ctx, struct rules_line *line);
	int (*key)(void *ctx, struct rules_line *line);
	int (*end)(void *ctx, struct rules_line *line);
};

int rules_read_text(const char *text, size_t size, rules_find_user *find_user,
	const struct rules_visitor *visitor, void *ctx, char **error);

/* The parts between semicolons, without blanks around them and without empty ones. */
char **rules_split(const char *value);

struct rules_unit {
	char letter; /* 0 ends the list */
	uint64_t factor;
};

extern const struct rules_unit rules_bytes[], rules_seconds[];

/* A whole number, followed by at most one of the units. */
bool rules_number(const char *text, const struct rules_unit *units, uint64_t *number);
