#include "tools/sievectl/screen.h"

#include "tools/sievectl/short_number.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LABEL 11           /* columns of what a line of the summary begins with */
#define LANE_COLUMNS 36    /* of a lane's line, besides its two graphs */
#define GRAPH_MIN 6        /* narrower ones say nothing */
#define OPERATIONS_HEAD 2  /* rows of that panel besides those of operations */
#define ROWS_FOR_BLANKS 20 /* from here on panels stand apart */

static const char *const sort_names[SORT_COUNT] = {"lane", "opens", "bytes"};

struct layout {
	const struct view *view;
	const struct screen_state *state;
	struct screen_line *lines;
	int used, room; /* rows */
	int columns;
};

/* --- lines ------------------------------------------------------------------------------------ */

/* What a terminal could take for commands, or does not know, is not for it. */
static void make_printable(GString *text, bool utf8)
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

static void add(struct layout *layout, enum screen_style style, GString *text)
{
	if (layout->used < layout->room) {
		make_printable(text, layout->state->utf8);
		if (g_utf8_strlen(text->str, -1) > layout->columns)
			g_string_truncate(text,
				(gsize)(g_utf8_offset_to_pointer(text->str, layout->columns) - text->str));
		layout->lines[layout->used++] = (struct screen_line){g_string_free(text, FALSE), style};
	} else {
		g_string_free(text, TRUE);
	}
}

__attribute__((format(printf, 3, 4))) static void add_format(
	struct layout *layout, enum screen_style style, const char *format, ...)
{
	GString *text = g_string_new(NULL);
	va_list args;

	va_start(args, format);
	g_string_append_vprintf(text, format, args);
	va_end(args);
	add(layout, style, text);
}

static void stand_apart(struct layout *layout)
{
	if (layout->room >= ROWS_FOR_BLANKS)
		add_format(layout, STYLE_PLAIN, "%s", "");
}

static int columns_of(const GString *text)
{
	return (int)g_utf8_strlen(text->str, -1);
}

/* Fills the line up with a graph, if that leaves a readable one. */
static void append_graph(const struct layout *layout, const struct series *series, double top, GString *text)
{
	int cells = layout->columns - columns_of(text) - 1;

	if (cells < GRAPH_MIN)
		return;
	g_string_append_c(text, ' ');
	series_draw(series, (unsigned)MIN(cells, SERIES_MAX), top, layout->state->utf8, text);
}

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
	make_printable(text, layout->state->utf8);
	room = layout->columns - (int)state->len;
	if (room > 0 && columns_of(text) > room)
		g_string_truncate(text, (gsize)(g_utf8_offset_to_pointer(text->str, room) - text->str));
	while (columns_of(text) < room)
		g_string_append_c(text, ' ');
	g_string_append(text, state->str);
	add(layout, STYLE_BAR, text);
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
	append_graph(layout, &view->hits, 1, text);
	add(layout, STYLE_PLAIN, text);
}

static void add_cached(struct layout *layout)
{
	const struct sample *sample = &layout->view->sample;
	double part = sample->budget_bytes ? (double)sample->cached_bytes / (double)sample->budget_bytes : 0;
	char cached[SHORT_NUMBER], budget[SHORT_NUMBER], files[SHORT_NUMBER];

	short_bytes(cached, (double)sample->cached_bytes);
	short_bytes(budget, (double)sample->budget_bytes);
	short_count(files, (double)sample->objects);
	add_format(layout, STYLE_PLAIN, "%-*s%6s of %s, %.0f%%, %s files", LABEL, "cached", cached, budget,
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
		add(layout, STYLE_PLAIN, text);
		return;
	}
	short_bytes(dirty, (double)sample->dirty_bytes);
	short_age(age, sample->oldest_ms);
	short_bytes(writeback, (double)sample->writeback_bytes);
	short_count(waits, layout->view->rates.throttled);
	g_string_append_printf(text, "%6s, oldest %4s, %5s leaving, %s waits/s", dirty,
		sample->dirty_bytes ? age : "-", writeback, waits);
	append_graph(layout, &layout->view->dirty, 0, text);
	add(layout, STYLE_PLAIN, text);
}

static void add_streams(struct layout *layout)
{
	const struct sample *sample = &layout->view->sample;
	char held[SHORT_NUMBER], dropped[SHORT_NUMBER], buffers[SHORT_NUMBER], unwritten[SHORT_NUMBER];

	short_bytes(held, (double)sample->trail_bytes);
	short_bytes(dropped, layout->view->rates.dropped_bytes);
	short_bytes(buffers, (double)sample->buffer_bytes);
	short_bytes(unwritten, (double)sample->unwritten_bytes);
	add_format(layout, STYLE_PLAIN, "%-*s%6" PRIu64 " trailed hold %s, drop %s/s; direct %s, %s dirty",
		LABEL, "streams", sample->trail_streams, held, dropped, buffers, unwritten);
}

static void add_summary(struct layout *layout)
{
	add_hits(layout);
	add_cached(layout);
	add_dirty(layout);
	add_streams(layout);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static double rank(const struct view *view, enum screen_sort sort, int lane)
{
	if (sort == SORT_OPENS)
		return view->rates.lanes[lane].opens;
	return sort == SORT_BYTES ? view->rates.lanes[lane].bytes : 0;
}

/* Lanes that are equal keep their order. */
static void sort_lanes(const struct view *view, enum screen_sort sort, int order[SAMPLE_LANES])
{
	for (int i = 0; i < SAMPLE_LANES; i++) {
		int at = i;

		for (; at > 0 && rank(view, sort, order[at - 1]) < rank(view, sort, i); at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

static unsigned graph_cells(const struct layout *layout)
{
	int cells = (layout->columns - LANE_COLUMNS) / 2;

	return cells < GRAPH_MIN ? 0 : (unsigned)MIN(cells, SERIES_MAX);
}

static void add_lane(struct layout *layout, int lane)
{
	const struct view *view = layout->view;
	bool has_bytes = sample_lane_has_bytes(lane), utf8 = layout->state->utf8;
	unsigned cells = graph_cells(layout);
	char opens[SHORT_NUMBER], bytes[SHORT_NUMBER] = "-", part[SHORT_NUMBER] = "-";
	GString *text = g_string_new(NULL);

	short_count(opens, view->rates.lanes[lane].opens);
	if (view->has_rates && view->rates.lanes[lane].open_share >= 0)
		g_snprintf(part, sizeof(part), "%.0f%%", view->rates.lanes[lane].open_share * 100);
	if (has_bytes)
		short_bytes(bytes, view->rates.lanes[lane].bytes);
	g_string_append_printf(text, "%-12s %6s %5s", sample_lane_names[lane], opens, part);
	if (cells) {
		g_string_append_c(text, ' ');
		series_draw(&view->opens[lane], cells, 0, utf8, text);
	}
	g_string_append_printf(text, " %7s", bytes);
	if (cells && has_bytes) {
		g_string_append_c(text, ' ');
		series_draw(&view->bytes[lane], cells, 0, utf8, text);
	}
	add(layout, STYLE_PLAIN, text);
}

static void add_lanes(struct layout *layout)
{
	int cells = (int)graph_cells(layout);
	int order[SAMPLE_LANES];

	stand_apart(layout);
	add_format(layout, STYLE_TITLE, "%-12s %6s %5s%*s %7s", "lane", "open/s", "share",
		cells ? cells + 1 : 0, "", "bytes/s");
	sort_lanes(layout->view, layout->state->sort, order);
	for (int i = 0; i < SAMPLE_LANES; i++)
		add_lane(layout, order[i]);
}

/* --- operations ------------------------------------------------------------------------------- */

struct timed {
	const struct sample_operation *operation;
	double rate;
};

static int compare_timed(const void *a, const void *b)
{
	const struct timed *one = a, *other = b;

	if (one->rate != other->rate)
		return one->rate < other->rate ? 1 : -1;
	return strcmp(one->operation->name, other->operation->name);
}

static void add_operation(struct layout *layout, const struct timed *timed)
{
	char rate[SHORT_NUMBER], p50[SHORT_NUMBER], p99[SHORT_NUMBER], max[SHORT_NUMBER];

	short_count(rate, timed->rate);
	short_latency(p50, timed->operation->p50_s);
	short_latency(p99, timed->operation->p99_s);
	short_latency(max, timed->operation->max_s);
	add_format(layout, STYLE_PLAIN, "%-16s %6s %6s %6s %6s", timed->operation->name, rate, p50, p99, max);
}

/* A daemon that does not time them has none. */
static void add_operations(struct layout *layout)
{
	const struct view *view = layout->view;
	unsigned count = view->sample.operation_count;
	unsigned left = (unsigned)MAX(layout->room - layout->used, 0);
	struct timed timed[SAMPLE_OPERATIONS];

	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++)
		timed[i] = (struct timed){&view->sample.operations[i], view->rates.operations[i]};
	qsort(timed, count, sizeof(*timed), compare_timed);
	stand_apart(layout);
	add_format(layout, STYLE_TITLE, "%-16s %6s %6s %6s %6s", "operation", "/s", "p50", "p99", "max");
	/* the rest is for the files */
	if (view->hottest.count)
		count = MIN(count, left / 2 - MIN(left / 2, OPERATIONS_HEAD));
	for (unsigned i = 0; i < count; i++)
		add_operation(layout, &timed[i]);
}

/* --- files ------------------------------------------------------------------------------------ */

/* Of a path that is too long its end is shown. */
static void add_file(struct layout *layout, unsigned i)
{
	const struct hottest *hottest = &layout->view->hottest;
	GString *text = g_string_new(NULL), *path = g_string_new(hottest->files[i].path);
	char opens[SHORT_NUMBER], bytes[SHORT_NUMBER];
	int room, excess;

	short_count(opens, (double)hottest->files[i].opens);
	short_bytes(bytes, (double)hottest->files[i].bytes);
	g_string_append_printf(text, "%6s %6s ", opens, bytes);
	make_printable(path, layout->state->utf8);
	room = MAX(layout->columns - columns_of(text), 0);
	excess = columns_of(path) - room;
	if (excess > 0)
		g_string_erase(path, 0, g_utf8_offset_to_pointer(path->str, excess) - path->str);
	g_string_append(text, path->str);
	g_string_free(path, TRUE);
	add(layout, STYLE_PLAIN, text);
}

static void add_hottest(struct layout *layout)
{
	if (layout->view->hottest.count == 0)
		return;
	stand_apart(layout);
	add_format(layout, STYLE_TITLE, "%6s %6s hottest files", "opens", "bytes");
	for (unsigned i = 0; i < layout->view->hottest.count; i++)
		add_file(layout, i);
}

/* --- all of it -------------------------------------------------------------------------------- */

/* The most important first. */
static void (*const panels[])(struct layout *layout) = {
	add_bar, add_summary, add_lanes, add_operations, add_hottest};

static void add_keys(struct layout *layout)
{
	add_format(layout, STYLE_TITLE, "s sort: %s  p %s  q quit", sort_names[layout->state->sort],
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
		add_format(&layout, STYLE_PLAIN, "%s", "");
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
