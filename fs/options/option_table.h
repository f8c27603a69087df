/*
 * option_table - options as rows of a table: one row gives the parser, the default, the range check with its
 * message, the line of --help, and the item that tests require in the man page.
 *
 * A row writes one field of a plain struct, whose C type is that of its OPTION_* below. Pure except for
 * allocation. The table is constant; the caller owns the struct.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_SIZE,     /* uint64_t, bytes */
	OPTION_UINT,     /* unsigned int */
	OPTION_DURATION, /* uint64_t, milliseconds */
	OPTION_SECONDS,  /* double, seconds */
	OPTION_CHOICE,   /* int or an enum: the index of the choice */
	OPTION_PATH,     /* char *, g_free()d by option_table_clear() */
	OPTION_ADDRESS,  /* char *, likewise; see metrics_address.h */
};

/* The field's value for the row's word; no number that can be given. */
#define OPTION_WORD UINT64_MAX
#define OPTION_WORD_SECONDS (-1.0) /* OPTION_SECONDS */

struct option_row {
	const char *name;
	enum option_type type;
	size_t offset;        /* of the field in the struct */
	const char *fallback; /* the default as a user would type it; NULL: the first choice, or none */
	uint64_t min, max;    /* in the unit of the field; max 0: no limit but the type's */
	bool percent;         /* OPTION_SIZE: "10%" of memory is accepted too */
	const char *word;     /* OPTION_SIZE, OPTION_DURATION, OPTION_SECONDS: a word that is accepted too,
				 and stored as OPTION_WORD or OPTION_WORD_SECONDS */
	const char *const *choices;         /* OPTION_CHOICE: the names, then NULL … */
	const char *(*choice_at)(size_t i); /* … or a catalogue: the name at @i, NULL behind the last */
	bool live; /* may be changed while the mount is in use (options_change.h); only numbers and choices */
	const char *help;
};

struct option_table {
	const struct option_row *rows;
	size_t row_count;
};

/* NULL if no row has that name. */
const struct option_row *option_find(const struct option_table *table, const char *name);

/*
 * Parses @text (NULL: the option was given without "=VALUE") into the row's field of @base. @memory: bytes,
 * the base of percentages. 0 or -EINVAL. On -EINVAL the field is unchanged and @error, which the caller
 * frees, is one line: "NAME=TEXT: takes …".
 */
int option_set(const struct option_row *row, void *base, const char *text, uint64_t memory, char **error);

/* The row's default as text; NULL if it has none. */
const char *option_fallback(const struct option_row *row);

/* Sets every field to its fallback. Aborts if a fallback does not parse, which is a bug in the table. */
void option_table_set_fallbacks(const struct option_table *table, void *base, uint64_t memory);
void option_table_clear(const struct option_table *table, void *base);

/* Whether the field's value is the row's word. */
bool option_is_word(const struct option_row *row, const void *base);

/* Appends the field's value as text that option_set() reads back as the same value. */
void option_format(const struct option_row *row, const void *base, GString *out);

/* The name of choice @i, NULL behind the last. */
const char *option_choice(const struct option_row *row, size_t i);

/* Appends the rows as --help shows them. */
void option_table_help(const struct option_table *table, GString *out);

/* Edit distance: Levenshtein, but swapping neighbouring letters counts as one edit. */
size_t option_distance(const char *a, const char *b);
