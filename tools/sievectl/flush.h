/* flush - sievectl flush: sends to the disk what is dirty, and shows what is left while it waits. */
#pragma once

/* For the table of commands, see main.c. @flags: "--wait" or nothing. */
int flush_run(const char *const *paths, const char *const *flags);
