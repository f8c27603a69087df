/* pin - sievectl pin and unpin: files that stay in the cache, and files that need not any more. */
#pragma once

/* For the table of commands, see main.c. */
int pin_run(const char *const *paths, const char *const *flags);
int unpin_run(const char *const *paths, const char *const *flags);
