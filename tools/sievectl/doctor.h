/* doctor - sievectl doctor: checks what this machine offers of what sievefs can use. Needs no mount. */
#pragma once

/*
 * Prints the findings on standard output, with --json as one object. source: the directory that is to be
 * mounted, or NULL. 0; 1: something is missing; or -errno, with one line on standard error.
 */
int doctor_run(const char *source, const char *const *request);
