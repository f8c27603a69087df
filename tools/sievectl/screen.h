/*
 * screen - what `sievectl top` shows: lines of text, made for a terminal of any size.
 *
 * Pure: knows of no terminal. Panels follow each other from the most important to the least, each as long as
 * there is room.
 */
#pragma once

#include "tools/sievectl/hottest.h"
#include "tools/sievectl/sample.h"
#include "tools/sievectl/series.h"

#include <time.h>

enum screen_sort { SORT_LANE, SORT_OPENS, SORT_BYTES, SORT_COUNT };

/* What is shown, and how it came to it. Zeroed memory is a valid start. */
struct view {
	struct sample sample;
	struct rates rates;
	bool has_rates; /* not before the second sample */
	struct hottest hottest;
	struct series hits, dirty, opens[SAMPLE_LANES], bytes[SAMPLE_LANES];
};

/* Takes over what happened in another interval. */
void view_add(struct view *view, const struct sample *sample, const struct rates *rates,
	const struct hottest *hottest);

struct screen_state {
	enum screen_sort sort;
	bool paused, utf8;
	double silent_s; /* since when the mount has not answered; 0: it does */
	struct tm now;
};

enum screen_style { STYLE_PLAIN, STYLE_TITLE, STYLE_BAR };

struct screen_line {
	char *text; /* no longer than the screen is wide */
	enum screen_style style;
};

/* @rows lines, freed by screen_free(). */
struct screen_line *screen_make(
	const struct view *view, const struct screen_state *state, int rows, int columns);
void screen_free(struct screen_line *lines, int rows);
