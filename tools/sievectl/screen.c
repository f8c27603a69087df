#include "tools/sievectl/screen.h"

#include "tools/sievectl/layout.h"
#include "tools/sievectl/short_number.h"

#include <inttypes.h>

#define LABEL 11 /* columns of the label of a line of the summary */

static const char *const sort_names[SORT_COUNT] = {"lane", "opens", "bytes"};

/* --- the bar ---------------------------------------------------------------------------------- */

static void append_state(const struct layout *layout, GString *text)
{
	char clock[16];

	if (layout->state->paused)
		g_string_append(text, "PAUSED ");
	else if (layout->state->silent_s > 0)
		g_string_append_printf(text, "NO ANSWER FOR %.0f s ", layout->state->silent_s);
	else if (layout->view->rates.restarted)
		g_string_append(text, "STARTED ANEW ");
	strftime(clock, sizeof(clock), "%H:%M:%S", &layout->state->now);
	g_string_append(text, clock);
}

static void add_bar(struct layout *layout)
{
	const struct sample *sample = &layout->view->sample;
	GString *text = g_string_new("sievefs ");
	g_autoptr(GString) state = g_string_new(" ");
	char age[SHORT_NUMBER];
	int room;

	append_state(layout, state);
	short_age(age, sample->uptime_s * 1000);
	g_string_append_printf(text, "%s  up %s  pid %" PRIu64, sample->mountpoint, age, sample->pid);
	layout_printable(text, layout->state->utf8);
	room = layout->columns - (int)state->len;
	if (room > 0 && layout_width(text) > room)
		g_string_truncate(text, (gsize)(g_utf8_offset_to_pointer(text->str, room) - text->str));
	while (layout_width(text) < room)
		g_string_append_c(text, ' ');
	g_string_append(text, state->str);
	layout_add(layout, STYLE_BAR, text);
}

/* --- the summary ------------------------------------------------------------------------------ */

static void add_hits(struct layout *layout)
{
	const struct view *view = layout->view;
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "%-*s", LABEL, "hit ratio");
	if (view->rates.hit_share < 0 || !view->has_rates)
		g_string_append(text, "     -");
	else
		g_string_append_printf(text, "%5.1f%%", view->rates.hit_share * 100);
	layout_graph(layout, &view->hits, 1, text);
	layout_add(layout, STYLE_PLAIN, text);
}

static void add_cached(struct layout *layout)
{
	const struct sample *sample = &layout->view->sample;
	double part = sample->budget_bytes ? (double)sample->cached_bytes / (double)sample->budget_bytes : 0;
	char cached[SHORT_NUMBER], budget[SHORT_NUMBER], files[SHORT_NUMBER];

	short_bytes(cached, (double)sample->cached_bytes);
	short_bytes(budget, (double)sample->budget_bytes);
	short_count(files, (double)sample->objects);
	layout_format(layout, STYLE_PLAIN, "%-*s%6s of %s, %.0f%%, %s files", LABEL, "cached", cached, budget,
		part * 100, files);
}

static void add_dirty(struct layout *layout)
{
	const struct sample *sample = &layout->view->sample;
	char dirty[SHORT_NUMBER], age[SHORT_NUMBER], writeback[SHORT_NUMBER], waits[SHORT_NUMBER];
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "%-*s", LABEL, "dirty");
	if (!sample->has_dirty) {
		g_string_append(text, "     - not known without dirty_* options");
		layout_add(layout, STYLE_PLAIN, text);
		return;
	}
	short_bytes(dirty, (double)sample->dirty_bytes);
	short_age(age, sample->oldest_ms);
	short_bytes(writeback, (double)sample->writeback_bytes);
	short_count(waits, layout->view->rates.throttled);
	g_string_append_printf(text, "%6s, oldest %4s, %5s leaving, %s waits/s", dirty,
		sample->dirty_bytes ? age : "-", writeback, waits);
	layout_graph(layout, &layout->view->dirty, 0, text);
	layout_add(layout, STYLE_PLAIN, text);
}

static void add_streams(struct layout *layout)
{
	const struct sample *sample = &layout->view->sample;
	char held[SHORT_NUMBER], dropped[SHORT_NUMBER], buffers[SHORT_NUMBER], unwritten[SHORT_NUMBER];

	short_bytes(held, (double)sample->trail_bytes);
	short_bytes(dropped, layout->view->rates.dropped_bytes);
	short_bytes(buffers, (double)sample->buffer_bytes);
	short_bytes(unwritten, (double)sample->unwritten_bytes);
	layout_format(layout, STYLE_PLAIN, "%-*s%6" PRIu64 " trailed hold %s, drop %s/s; direct %s, %s dirty",
		LABEL, "streams", sample->trail_streams, held, dropped, buffers, unwritten);
}

static void add_summary(struct layout *layout)
{
	add_hits(layout);
	add_cached(layout);
	add_dirty(layout);
	add_streams(layout);
}

/* --- all of it -------------------------------------------------------------------------------- */

/* The most important first. */
static void (*const panels[])(struct layout *layout) = {
	add_bar, add_summary, layout_lanes, layout_operations, layout_hottest};

static void add_keys(struct layout *layout)
{
	layout_format(layout, STYLE_TITLE, "s sort: %s  p %s  q quit", sort_names[layout->state->sort],
		layout->state->paused ? "go on" : "pause");
}

struct screen_line *screen_make(
	const struct view *view, const struct screen_state *state, int rows, int columns)
{
	struct layout layout = {
		.view = view,
		.state = state,
		.lines = g_new0(struct screen_line, MAX(rows, 1)),
		.room = rows - (rows > 2), /* the last row is for the keys */
		.columns = columns,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(panels); i++)
		panels[i](&layout);
	while (layout.used < layout.room)
		layout_format(&layout, STYLE_PLAIN, "%s", "");
	layout.room = rows;
	add_keys(&layout);
	return layout.lines;
}

void screen_free(struct screen_line *lines, int rows)
{
	for (int i = 0; i < rows; i++)
		g_free(lines[i].text);
	g_free(lines);
}

void view_add(struct view *view, const struct sample *sample, const struct rates *rates,
	const struct hottest *hottest)
{
	view->sample = *sample;
	view->rates = *rates;
	view->hottest = *hottest;
	view->has_rates = true;
	series_add(&view->hits, rates->hit_share);
	series_add(&view->dirty, sample->has_dirty ? (double)sample->dirty_bytes : -1);
	for (int lane = 0; lane < SAMPLE_LANES; lane++) {
		series_add(&view->opens[lane], rates->lanes[lane].opens);
		series_add(&view->bytes[lane], rates->lanes[lane].bytes);
	}
}
