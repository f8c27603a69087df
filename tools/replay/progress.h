/*
 * progress - one line on stderr about work that takes longer than a second: rewritten in place on a terminal,
 * a new line every ten seconds otherwise.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct progress {
	char title[256];
	int64_t next_us;
	bool is_terminal, was_told;
};

void progress_start(struct progress *p, const char *format, ...) G_GNUC_PRINTF(2, 3);
void progress_tell(struct progress *p, const char *format, ...) G_GNUC_PRINTF(2, 3);
void progress_end(struct progress *p);
