/* source - the file system that a run's SOURCE lies on (source= in suite.h), made below the run's base. */
#pragma once

#define SOURCE_SKIPPED 77

/* Moves the base of this run into a subdirectory. 0 or -errno. */
int source_move_base(const char *name);

/* Moves it onto the file system that config.source names, if any. 0; SOURCE_SKIPPED, having said why; or 1.
 */
int source_move_onto(void);
