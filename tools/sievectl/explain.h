/* explain - sievectl explain: the lane that files would be read in, and why they are cached or not. */
#pragma once

/* For the table of commands, see main.c. @flags: "--json" or nothing. */
int explain_run(const char *const *files, const char *const *flags);
