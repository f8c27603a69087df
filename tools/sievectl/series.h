/* series - the recent values of a figure, and a graph of them in one line. Pure. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define SERIES_MAX 512 /* values that are kept: more than a terminal is wide */

/* Zeroed memory is a valid start. */
struct series {
	double values[SERIES_MAX];
	unsigned count, next;
};

/* Negative: the value is not known. */
void series_add(struct series *series, double value);

/*
 * Appends the last values, the newest at the right, in as many cells; those before the first value are blank,
 * and so are 0 and what was not known. @top is what fills a cell; 0: the largest of what is shown. In UTF-8
 * eight heights of blocks, else characters of ASCII.
 */
void series_draw(const struct series *series, unsigned cells, double top, bool utf8, GString *out);
