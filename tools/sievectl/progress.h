/* progress - one line on standard error, if that is a terminal, with the progress of a command. */
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
/* Adds to what is done; the line is drawn anew ten times a second at most. */
void progress_add(struct progress *progress, uint64_t files, uint64_t bytes);
/* Sets what is left to be done; the totals may grow. */
void progress_left(struct progress *progress, uint64_t files, uint64_t bytes);
/* Removes the line, for other output. */
void progress_clear(struct progress *progress);
