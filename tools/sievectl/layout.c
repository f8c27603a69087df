#include "tools/sievectl/layout.h"

#include <stdarg.h>

#define ROWS_FOR_BLANKS 20 /* from so many rows on there are blank lines between panels */

void layout_printable(GString *text, bool utf8)
{
	g_autofree char *valid = g_utf8_make_valid(text->str, (gssize)text->len);

	g_string_truncate(text, 0);
	for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);

		if (!g_unichar_isprint(c) || (!utf8 && c > 0x7e))
			c = '?';
		g_string_append_unichar(text, c);
	}
}

void layout_add(struct layout *layout, enum screen_style style, GString *text)
{
	if (layout->used < layout->room) {
		layout_printable(text, layout->state->utf8);
		if (g_utf8_strlen(text->str, -1) > layout->columns)
			g_string_truncate(text,
				(gsize)(g_utf8_offset_to_pointer(text->str, layout->columns) - text->str));
		layout->lines[layout->used++] = (struct screen_line){g_string_free(text, FALSE), style};
	} else {
		g_string_free(text, TRUE);
	}
}

void layout_format(struct layout *layout, enum screen_style style, const char *format, ...)
{
	GString *text = g_string_new(NULL);
	va_list args;

	va_start(args, format);
	g_string_append_vprintf(text, format, args);
	va_end(args);
	layout_add(layout, style, text);
}

void layout_stand_apart(struct layout *layout)
{
	if (layout->room >= ROWS_FOR_BLANKS)
		layout_format(layout, STYLE_PLAIN, "%s", "");
}

int layout_width(const GString *text)
{
	return (int)g_utf8_strlen(text->str, -1);
}

void layout_graph(const struct layout *layout, const struct series *series, double top, GString *text)
{
	int cells = layout->columns - layout_width(text) - 1;

	if (cells < LAYOUT_GRAPH_MIN)
		return;
	g_string_append_c(text, ' ');
	series_draw(series, (unsigned)MIN(cells, SERIES_MAX), top, layout->state->utf8, text);
}
