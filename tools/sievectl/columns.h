/*
 * columns - one line an interval, as `sievectl stat -i` prints it.
 *
 * Pure. The most important columns come first, so that a narrow terminal can leave the others out.
 */
#pragma once

#include "tools/sievectl/sample.h"

#include <stddef.h>
#include <time.h>

#define COLUMNS_ALL 0 /* for @width: leave none out */
#define COLUMNS_LINE 160

/* Write a line without its newline, with the columns that fit into @width. */
void columns_header(int width, char line[COLUMNS_LINE]);
void columns_line(const struct sample *sample, const struct rates *rates, const struct tm *now, int width,
	char line[COLUMNS_LINE]);
