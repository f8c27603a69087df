/*
 * options_change - changes options of a mount in use, all or none.
 *
 * Options whose rows are "live" may get another value; any other option may only be given with its present
 * value. Pure. On -EINVAL nothing was changed and @error, which the caller frees, is one line that names the
 * option.
 */
#pragma once

#include "fs/options/options.h"

/* Whether the option @name was given in @asked, with another value than in @now. */
bool options_is_changed(const char *name, const struct options *asked, const struct options *now);

/* Checks whether a mount with the options @now may get those that were given in @asked. 0 or -EINVAL. */
int options_check_change(const struct options *asked, const struct options *now, char **error);

/* Applies the options given in @asked to @now, if the result is consistent. 0 or -EINVAL. */
int options_change(struct options *now, const struct options *asked, char **error);

/* The options given in @asked whose values differ from @now, with their values from @values (one of the two):
 * a list in the form of -o, "" if there are none. The caller frees it. */
char *options_list_changed(
	const struct options *asked, const struct options *now, const struct options *values);
