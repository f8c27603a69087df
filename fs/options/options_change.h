/*
 * options_change - options of a live mount: which may change, and changing them, all or none.
 *
 * Rows of the table that are "live" may take another value; any other row may only be given the value that it
 * has. Pure. On -EINVAL nothing was changed and @error, freed by the caller, is one line that names the
 * option.
 */
#pragma once

#include "fs/options/options.h"

/* Whether @asked was given the option @name, with another value than @now has. */
bool options_is_changed(const char *name, const struct options *asked, const struct options *now);

/* Whether the options that @asked was given may be those of a mount that has @now. 0 or -EINVAL. */
int options_check_change(const struct options *asked, const struct options *now, char **error);

/* Makes them so, if what is then in force goes together. 0 or -EINVAL. */
int options_change(struct options *now, const struct options *asked, char **error);

/* Those given in @asked whose value differs from @now, as they are in @values, one of the two: a list as -o
 * takes it, "" for none. The caller frees it. */
char *options_list_changed(
	const struct options *asked, const struct options *now, const struct options *values);
