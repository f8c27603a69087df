/* progress - one line on standard error that says how far a command has come, where that is a terminal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
	uint64_t files, bytes; /* in all */
	uint64_t files_done, bytes_done;
	double began_s, shown_s;
	bool shows, is_shown;
};

void progress_begin(struct progress *progress, uint64_t files, uint64_t bytes);
/* So much more is done; the line is drawn anew ten times a second at most. */
void progress_add(struct progress *progress, uint64_t files, uint64_t bytes);
/* So much is left; the whole may have grown. */
void progress_left(struct progress *progress, uint64_t files, uint64_t bytes);
/* Takes the line away, for other output. */
void progress_clear(struct progress *progress);
