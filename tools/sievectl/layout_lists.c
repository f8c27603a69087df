/* The lists on a screen: lanes, operations, files. */
#include "tools/sievectl/layout.h"
#include "tools/sievectl/short_number.h"

#include <stdlib.h>
#include <string.h>

#define LANE_COLUMNS 36   /* of a lane's line, besides its two graphs */
#define OPERATIONS_HEAD 2 /* rows of that panel besides those of operations */

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

	return cells < LAYOUT_GRAPH_MIN ? 0 : (unsigned)MIN(cells, SERIES_MAX);
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
	layout_add(layout, STYLE_PLAIN, text);
}

void layout_lanes(struct layout *layout)
{
	int cells = (int)graph_cells(layout);
	int order[SAMPLE_LANES];

	layout_stand_apart(layout);
	layout_format(layout, STYLE_TITLE, "%-12s %6s %5s%*s %7s", "lane", "open/s", "share",
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
	layout_format(
		layout, STYLE_PLAIN, "%-16s %6s %6s %6s %6s", timed->operation->name, rate, p50, p99, max);
}

/* Adds nothing if the daemon does not time its operations. */
void layout_operations(struct layout *layout)
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
	layout_stand_apart(layout);
	layout_format(layout, STYLE_TITLE, "%-16s %6s %6s %6s %6s", "operation", "/s", "p50", "p99", "max");
	/* the rest is for the files */
	if (view->hottest.count)
		count = MIN(count, left / 2 - MIN(left / 2, OPERATIONS_HEAD));
	for (unsigned i = 0; i < count; i++)
		add_operation(layout, &timed[i]);
}

/* --- files ------------------------------------------------------------------------------------ */

/* If a path is too long, only its end is shown. */
static void add_file(struct layout *layout, unsigned i)
{
	const struct hottest *hottest = &layout->view->hottest;
	GString *text = g_string_new(NULL), *path = g_string_new(hottest->files[i].path);
	char opens[SHORT_NUMBER], bytes[SHORT_NUMBER];
	int room, excess;

	short_count(opens, (double)hottest->files[i].opens);
	short_bytes(bytes, (double)hottest->files[i].bytes);
	g_string_append_printf(text, "%6s %6s ", opens, bytes);
	layout_printable(path, layout->state->utf8);
	room = MAX(layout->columns - layout_width(text), 0);
	excess = layout_width(path) - room;
	if (excess > 0)
		g_string_erase(path, 0, g_utf8_offset_to_pointer(path->str, excess) - path->str);
	g_string_append(text, path->str);
	g_string_free(path, TRUE);
	layout_add(layout, STYLE_PLAIN, text);
}

void layout_hottest(struct layout *layout)
{
	if (layout->view->hottest.count == 0)
		return;
	layout_stand_apart(layout);
	layout_format(layout, STYLE_TITLE, "%6s %6s hottest files", "opens", "bytes");
	for (unsigned i = 0; i < layout->view->hottest.count; i++)
		add_file(layout, i);
}
