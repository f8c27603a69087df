/* evict - sievectl evict: evicts files, or all files, from the cache. */
#pragma once

/* For the table of commands, see main.c. @flags: "--all" or nothing. */
int evict_run(const char *const *files, const char *const *flags);
