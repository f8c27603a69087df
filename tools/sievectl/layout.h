/* layout - the lines of a screen while it is made, and the panels that add them. */
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

/* Adds a line, cut where it is too wide, or nothing where there is no room; frees @text. */
void layout_add(struct layout *layout, enum screen_style style, GString *text);
void layout_format(struct layout *layout, enum screen_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A blank line between panels, where there is room for such. */
void layout_stand_apart(struct layout *layout);

/* What a terminal could take for commands, or does not know, is not for it: it becomes '?'. */
void layout_printable(GString *text, bool utf8);

/* In columns. */
int layout_width(const GString *text);

/* Fills the line up with a graph, if that leaves a readable one. */
void layout_graph(const struct layout *layout, const struct series *series, double top, GString *text);

/* The lists: each takes what those before it have left. */
void layout_lanes(struct layout *layout);
void layout_operations(struct layout *layout);
void layout_hottest(struct layout *layout);
