/* The screen of sievectl top, made without a terminal: graphs, panels, and any size. */
#include "tools/sievectl/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char *draw(const struct series *series, unsigned cells, double top, bool utf8)
{
	GString *out = g_string_new(NULL);

	series_draw(series, cells, top, utf8, out);
	return g_string_free(out, FALSE);
}

static void assert_graph(const struct series *series, unsigned cells, double top, const char *expected)
{
	g_autofree char *graph = draw(series, cells, top, false);

	assert_string_equal(graph, expected);
}

static void a_graph_has_the_newest_at_the_right(void **state)
{
	struct series series = {0};

	assert_graph(&series, 4, 0, "    ");
	series_add(&series, 4);
	assert_graph(&series, 4, 0, "   @");
	series_add(&series, 8);
	series_add(&series, 0);
	series_add(&series, -1);
	series_add(&series, 1);
	assert_graph(&series, 7, 0, "  =@  .");
	assert_graph(&series, 3, 0, "  @"); /* by the largest of what is shown */
	assert_graph(&series, 5, 16, ":=  .");
	assert_graph(&series, 5, 2, "@@  =");
}

static void little_is_seen_and_nothing_is_blank(void **state)
{
	struct series series = {0};
	g_autofree char *graph = NULL;

	series_add(&series, 1e-9);
	series_add(&series, 1000);
	series_add(&series, 500);
	graph = draw(&series, 4, 0, true);
	assert_string_equal(graph, " ▁█▄");
}

static void a_series_keeps_the_last_values(void **state)
{
	struct series series = {0};
	g_autofree char *graph = NULL;

	for (int i = 0; i < SERIES_MAX + 10; i++)
		series_add(&series, i < 10 ? 8 : 1);
	graph = draw(&series, SERIES_MAX, 0, false);
	assert_int_equal(strlen(graph), SERIES_MAX);
	assert_int_equal(strspn(graph, "@"), SERIES_MAX); /* the ten larger ones are gone */
}

/* A mount in use, as after some seconds. */
static void make_view(struct view *view, unsigned operations)
{
	struct sample sample = {
		.mountpoint = "/mnt/da\tt\xc3\xa4",
		.pid = 77,
		.uptime_s = 5400,
		.cached_bytes = 16 << 20,
		.budget_bytes = 64 << 20,
		.objects = 1234,
		.has_dirty = true,
		.dirty_bytes = 5 << 20,
		.writeback_bytes = 1 << 20,
		.oldest_ms = 3210,
		.trail_streams = 2,
		.trail_bytes = 3 << 20,
		.operation_count = operations,
	};
	static struct hottest hottest;
	struct rates rates = {.hit_share = 0.982, .opens = 100, .throttled = 2, .dropped_bytes = 1 << 30};

	for (unsigned i = 0; i < operations; i++) {
		g_snprintf(sample.operations[i].name, SAMPLE_NAME, "operation%u", i);
		sample.operations[i].p99_s = 0.0012;
		rates.operations[i] = i;
	}
	rates.lanes[SAMPLE_CACHED].opens = 60;
	rates.lanes[SAMPLE_CACHED].open_share = 0.6;
	rates.lanes[SAMPLE_SERVED].opens = 40;
	rates.lanes[SAMPLE_SERVED].open_share = 0.4;
	rates.lanes[SAMPLE_SERVED].bytes = 10 << 20;
	rates.lanes[SAMPLE_DIRECT].bytes = 20 << 20;
	memset(view, 0, sizeof(*view));
	for (int i = 0; i < 3; i++)
		view_add(view, &sample, &rates, &hottest);
}

static struct screen_state plain_state(void)
{
	return (struct screen_state){.now = {.tm_hour = 9, .tm_min = 5, .tm_sec = 7}};
}

/* The lines below each other, without blanks at their ends. */
static char *render(const struct view *view, const struct screen_state *state, int rows, int columns)
{
	struct screen_line *lines = screen_make(view, state, rows, columns);
	GString *out = g_string_new(NULL);

	for (int row = 0; row < rows; row++) {
		assert_non_null(lines[row].text);
		assert_true(g_utf8_validate(lines[row].text, -1, NULL));
		assert_true(g_utf8_strlen(lines[row].text, -1) <= columns);
		g_string_append_printf(out, "%s\n", g_strchomp(lines[row].text));
	}
	screen_free(lines, rows);
	return g_string_free(out, FALSE);
}

static void a_screen_of_80_by_24_has_all_panels(void **state)
{
	struct screen_state screen = plain_state();
	struct view view;
	g_autofree char *text = NULL;

	make_view(&view, 3);
	text = render(&view, &screen, 24, 80);
	assert_string_equal(text,
		"sievefs /mnt/da?t?  up 90m  pid 77                                      09:05:07\n"
		"hit ratio   98.2%                                                            @@@\n"
		"cached        16M of 64M, 25%, 1.2K files\n"
		"dirty          5M, oldest 3.2s,    1M leaving, 2 waits/s                     @@@\n"
		"streams         2 trailed hold 3M, drop 1G/s; direct 0, 0 dirty\n"
		"\n"
		"lane         open/s share                        bytes/s\n"
		"cached           60   60%                    @@@       -\n"
		"plain             0    0%                              -\n"
		"trailed           0    0%                              -\n"
		"direct            0    0%                            20M                    @@@\n"
		"cached-write      0    0%                              0\n"
		"served           40   40%                    @@@     10M                    @@@\n"
		"\n"
		"operation            /s    p50    p99    max\n"
		"operation2            2    0us  1.2ms    0us\n"
		"operation1            1    0us  1.2ms    0us\n"
		"operation0            0    0us  1.2ms    0us\n"
		"\n\n\n\n\n"
		"s sort: lane  p pause  q quit\n");
}

static void add_files(struct view *view, unsigned count)
{
	view->hottest.count = count;
	for (unsigned i = 0; i < count; i++) {
		view->hottest.files[i].opens = 1000 - i;
		view->hottest.files[i].bytes = 4096;
		g_snprintf(view->hottest.files[i].path, HOTTEST_PATH, "/dir\t/file%u", i);
	}
}

static void operations_and_files_share_what_is_left(void **state)
{
	struct screen_state screen = plain_state();
	struct view view;
	g_autofree char *text = NULL, *files = NULL;

	make_view(&view, 9);
	add_files(&view, 9);
	text = render(&view, &screen, 24, 80);
	assert_non_null(strstr(text, "\n\n"
				     "operation            /s    p50    p99    max\n"
				     "operation8            8    0us  1.2ms    0us\n"
				     "operation7            7    0us  1.2ms    0us\n"
				     "operation6            6    0us  1.2ms    0us\n"
				     "\n"
				     " opens  bytes hottest files\n"
				     "    1K     4K /dir?/file0\n"
				     "   999     4K /dir?/file1\n"
				     "   998     4K /dir?/file2\n"
				     "s sort: lane  p pause  q quit\n"));
	make_view(&view, 0);
	add_files(&view, 9);
	files = render(&view, &screen, 24, 80);
	assert_non_null(strstr(files, "   993     4K /dir?/file7\ns sort: lane"));
}

static void of_a_long_path_the_end_is_shown(void **state)
{
	struct screen_state screen = plain_state();
	struct view view;
	g_autofree char *text = NULL;

	make_view(&view, 0);
	add_files(&view, 1);
	strcpy(view.hottest.files[0].path, "/a/very/long/way/to/a/file.name");
	text = render(&view, &screen, 24, 30);
	assert_non_null(strstr(text, "\n    1K     4K y/to/a/file.name\n"));
}

static void a_daemon_that_times_nothing_has_no_panel_of_operations(void **state)
{
	struct screen_state screen = plain_state();
	struct view view;
	g_autofree char *text = NULL;

	make_view(&view, 0);
	text = render(&view, &screen, 24, 80);
	assert_null(strstr(text, "operation"));
}

static void a_small_screen_has_what_matters_most(void **state)
{
	struct screen_state screen = plain_state();
	struct view view;
	g_autofree char *text = NULL;

	make_view(&view, 5);
	text = render(&view, &screen, 10, 40);
	assert_string_equal(text, "sievefs /mnt/da?t?  up 90m  pid 09:05:07\n"
				  "hit ratio   98.2%                    @@@\n"
				  "cached        16M of 64M, 25%, 1.2K file\n"
				  "dirty          5M, oldest 3.2s,    1M le\n"
				  "streams         2 trailed hold 3M, drop\n"
				  "lane         open/s share bytes/s\n"
				  "cached           60   60%       -\n"
				  "plain             0    0%       -\n"
				  "trailed           0    0%       -\n"
				  "s sort: lane  p pause  q quit\n");
}

static void any_size_is_kept_to(void **state)
{
	static const int columns[] = {1, 2, 8, 9, 30, 47, 48, 79, 80, 81, 132, 1100};
	static const int rows[] = {1, 2, 3, 4, 6, 10, 13, 19, 20, 21, 24, 40, 70};
	struct screen_state screen = plain_state();
	struct view empty = {0}, view;

	make_view(&view, SAMPLE_OPERATIONS);
	add_files(&view, HOTTEST_MAX);
	for (int utf8 = 0; utf8 < 2; utf8++) {
		screen.utf8 = utf8;
		for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
			for (size_t j = 0; j < G_N_ELEMENTS(columns); j++) {
				g_free(render(&view, &screen, rows[i], columns[j]));
				g_free(render(&empty, &screen, rows[i], columns[j]));
			}
		}
	}
}

static void assert_order(enum screen_sort sort, const char *first, const char *second, const char *third)
{
	struct screen_state screen = plain_state();
	struct view view;
	g_autofree char *text = NULL;
	const char *at[3], *lanes;

	make_view(&view, 0);
	screen.sort = sort;
	text = render(&view, &screen, 24, 80);
	lanes = strstr(text, "\nlane ");
	at[0] = strstr(lanes, first);
	at[1] = strstr(lanes, second);
	at[2] = strstr(lanes, third);
	assert_true(at[0] && at[0] < at[1] && at[1] < at[2]);
}

static void lanes_are_sorted_by_what_is_asked(void **state)
{
	assert_order(SORT_LANE, "\ncached  ", "\ndirect  ", "\nserved  ");
	assert_order(SORT_OPENS, "\ncached  ", "\nserved  ", "\nplain  ");
	assert_order(SORT_BYTES, "\ndirect  ", "\nserved  ", "\ncached  ");
	assert_order(SORT_BYTES, "\ncached  ", "\nplain  ", "\ntrailed  "); /* equal ones stay in order */
}

static void the_bar_tells_what_is_wrong(void **state)
{
	struct screen_state screen = plain_state();
	struct view view;
	g_autofree char *paused = NULL, *silent = NULL, *anew = NULL;

	make_view(&view, 0);
	screen.silent_s = 12.3;
	silent = render(&view, &screen, 24, 80);
	assert_non_null(strstr(silent, " NO ANSWER FOR 12 s 09:05:07\n"));
	screen.paused = true;
	paused = render(&view, &screen, 24, 80);
	assert_non_null(strstr(paused, " PAUSED 09:05:07\n"));
	assert_non_null(strstr(paused, "p go on"));
	view.rates.restarted = true;
	screen = plain_state();
	anew = render(&view, &screen, 24, 80);
	assert_non_null(strstr(anew, " STARTED ANEW 09:05:07\n"));
}

static void what_is_not_known_is_not_shown_as_nothing(void **state)
{
	struct screen_state screen = plain_state();
	struct view view = {0};
	g_autofree char *first = NULL;

	first = render(&view, &screen, 24, 80);
	assert_non_null(strstr(first, "\nhit ratio       -\n"));
	assert_non_null(strstr(first, "\ndirty           - not known without dirty_* options\n"));
	assert_non_null(strstr(first, "\nplain             0     -  "));
}

static void names_keep_to_what_the_terminal_knows(void **state)
{
	struct screen_state screen = plain_state();
	struct view view;
	g_autofree char *text = NULL;

	make_view(&view, 0);
	strcpy(view.sample.mountpoint, "/m\x1b[2J\n\xff\xc3\xa4");
	screen.utf8 = true;
	text = render(&view, &screen, 24, 80);
	assert_true(g_str_has_prefix(text, "sievefs /m?[2J?\xef\xbf\xbd\xc3\xa4  up"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_graph_has_the_newest_at_the_right),
		cmocka_unit_test(little_is_seen_and_nothing_is_blank),
		cmocka_unit_test(a_series_keeps_the_last_values),
		cmocka_unit_test(a_screen_of_80_by_24_has_all_panels),
		cmocka_unit_test(operations_and_files_share_what_is_left),
		cmocka_unit_test(of_a_long_path_the_end_is_shown),
		cmocka_unit_test(a_daemon_that_times_nothing_has_no_panel_of_operations),
		cmocka_unit_test(a_small_screen_has_what_matters_most),
		cmocka_unit_test(any_size_is_kept_to),
		cmocka_unit_test(lanes_are_sorted_by_what_is_asked),
		cmocka_unit_test(the_bar_tells_what_is_wrong),
		cmocka_unit_test(what_is_not_known_is_not_shown_as_nothing),
		cmocka_unit_test(names_keep_to_what_the_terminal_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
