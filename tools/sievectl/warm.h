/* warm - sievectl warm: brings files into the cache, several at a time, and reports those that were not
 * cached. */
#pragma once

/* For the table of commands, see main.c. */
int warm_run(const char *const *paths, const char *const *flags);
