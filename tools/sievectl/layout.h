/* layout - a screen in the making: its lines, and the panels that add them. */
#pragma once

#include "tools/sievectl/screen.h"

#define LAYOUT_GRAPH_MIN 6 /* columns: a narrower graph says nothing */

struct layout {
	const struct view *view;
	const struct screen_state *state;
	struct screen_line *lines;
	int used, room; /* rows */
	int columns;
};

/* Adds a line, which is cut if it is too wide, or nothing if there is no room; frees @text. */
void layout_add(struct layout *layout, enum screen_style style, GString *text);
void layout_format(struct layout *layout, enum screen_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds a blank line between panels, if there is room for such. */
void layout_stand_apart(struct layout *layout);

/* Replaces by '?' what a terminal could take for commands or can't show. */
void layout_printable(GString *text, bool utf8);

/* The width of the text in columns. */
int layout_width(const GString *text);

/* Fills the rest of the line with a graph, if there is room for a readable one. */
void layout_graph(const struct layout *layout, const struct series *series, double top, GString *text);

/* The lists: each takes the rows that those before it have left. */
void layout_lanes(struct layout *layout);
void layout_operations(struct layout *layout);
void layout_hottest(struct layout *layout);
