/* options_together - dependencies between options, once all are parsed. Only for options.c and its rows. */
#pragma once

struct options;

/* Seconds; longer than any mount lasts. */
#define OPTIONS_FOREVER_S 1000000000

/* Adapts defaults to the options that were given. */
void options_fit_defaults(struct options *options);
/* 0, or -EINVAL with one line in @error that names the options that exclude each other; the caller frees
 * it. */
int options_check_together(const struct options *options, char **error);
