/* advise_plot - draws the curve of hit ratios, by gnuplot. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct advise_point {
	uint64_t cache_size; /* bytes */
	double hit_ratio, byte_hit_ratio;
};

/*
 * Writes the SVG file; now: the present size of the cache, bytes. 0; or 1, after one line on standard error.
 */
int advise_plot_svg(
	const char *file, const struct advise_point *points, size_t count, uint64_t now, const char *title);
