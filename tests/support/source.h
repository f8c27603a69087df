/* source - makes the file system that SOURCE lies on (source= in suite.h), below the base directory of the
 * run. */
#pragma once

#define SOURCE_SKIPPED 77

/* Moves the base of this run into a subdirectory. 0 or -errno. */
int source_move_base(const char *name);

/* Moves the base onto the file system that config.source names, if any. 0; SOURCE_SKIPPED, after printing
 * why; or 1. */
int source_move_onto(void);
