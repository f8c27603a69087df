/* flush - sievectl flush: starts writeback of dirty data; with --wait shows what is left until it is done. */
#pragma once

/* For the table of commands, see main.c. @flags: "--wait" or nothing. */
int flush_run(const char *const *paths, const char *const *flags);
