/* options_together - what options mean for one another, once all are read. Only for options.c and its rows.
 */
#pragma once

struct options;

/* A number of seconds that no mount outlives. */
#define OPTIONS_FOREVER_S 1000000000

/* A default is no wish: it gives way to what was given. */
void options_fit_defaults(struct options *options);
/* 0, or -EINVAL and @error, freed by the caller: one line that names two options that can't both be. */
int options_check_together(const struct options *options, char **error);
