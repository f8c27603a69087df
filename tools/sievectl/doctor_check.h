/*
 * doctor_check - the checks of sievectl doctor, one row each.
 *
 * A check changes nothing and leaves no file behind. It is valid for the user that it runs as, and for this
 * process's limits; a daemon that a service manager starts may have others.
 */
#pragma once

#include <stddef.h>

enum doctor_state { DOCTOR_OK, DOCTOR_MISSING, DOCTOR_UNKNOWN };

struct doctor_finding {
	enum doctor_state state;
	char *found;      /* what is there; freed with g_free() */
	const char *mend; /* instead of the row's, where another command is needed; or NULL */
};

/* What is looked at; fd is an open directory, or -1 where no SOURCE was given. */
struct doctor_source {
	int fd;
};

struct doctor_check {
	const char *name; /* one word, stable: programs rely on it */
	struct doctor_finding (*look)(const struct doctor_source *source);
	const char *cost; /* what is lost without it */
	const char *mend; /* a command, or what else to do, after a # */
};

extern const struct doctor_check doctor_checks[];
extern const size_t doctor_check_count;

/* The checks of SOURCE, for the rows. */
struct doctor_finding doctor_look_at_backing(const struct doctor_source *source);
struct doctor_finding doctor_look_at_handles(const struct doctor_source *source);
struct doctor_finding doctor_look_at_direct(const struct doctor_source *source);

/* A finding with printf's text. */
struct doctor_finding doctor_found(enum doctor_state state, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
