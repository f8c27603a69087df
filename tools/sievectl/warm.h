/* warm - sievectl warm: brings files into the cache, several at a time, and says what did not fit. */
#pragma once

/* For the table of commands, see main.c. */
int warm_run(const char *const *paths, const char *const *flags);
