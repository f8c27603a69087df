/*
 * screen - the screen of `sievectl top`: lines of text for a terminal of any size.
 *
 * Pure: does not use a terminal. Panels follow each other from the most important to the least, as far as
 * there is room.
 */
#pragma once

#include "tools/sievectl/hottest.h"
#include "tools/sievectl/sample.h"
#include "tools/sievectl/series.h"

#include <time.h>

enum screen_sort { SORT_LANE, SORT_OPENS, SORT_BYTES, SORT_COUNT };

/* What is shown, with its history. Zeroed memory is a valid start. */
struct view {
	struct sample sample;
	struct rates rates;
	bool has_rates; /* not before the second sample */
	struct hottest hottest;
	struct series hits, dirty, opens[SAMPLE_LANES], bytes[SAMPLE_LANES];
};

/* Adds what happened in another interval. */
void view_add(struct view *view, const struct sample *sample, const struct rates *rates,
	const struct hottest *hottest);

struct screen_state {
	enum screen_sort sort;
	bool paused, utf8;
	double silent_s; /* seconds since the mount last answered; 0: it answers */
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
