/* pin - sievectl pin and unpin: exempts files from eviction, and ends that. */
#pragma once

/* For the table of commands, see main.c. */
int pin_run(const char *const *paths, const char *const *flags);
int unpin_run(const char *const *paths, const char *const *flags);
