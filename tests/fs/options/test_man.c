/* The manual pages have an item for each option, each of its values and each counter, and for nothing else.
 */
#include "fs/control/stats.h"
#include "fs/options/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char **sievefs_lines, **sievectl_lines;

/* The line that starts with @start and then ends or has a blank; NULL where there is none. */
static char **find_line(char **lines, const char *start)
{
	for (; *lines; lines++) {
		if (g_str_has_prefix(*lines, start) && strchr(" ", (*lines)[strlen(start)]))
			return lines;
	}
	return NULL;
}

static void every_option_has_an_item_with_its_default(void **state)
{
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		g_autofree char *start = g_strdup_printf(".It Cm %s Ns = Ns Ar", row->name);
		g_autofree char *fallback = g_strdup_printf(" Pq default %s", option_fallback(row));
		char **line = find_line(sievefs_lines, start);

		if (!line)
			fail_msg("sievefs.8 has no line \"%s ...\"", start);
		if (option_fallback(row) && !g_str_has_suffix(*line, fallback))
			fail_msg("sievefs.8: \"%s\" does not end with \"%s\"", *line, fallback);
		if (line[1][0] == '.')
			fail_msg("sievefs.8 says nothing of %s", row->name);
	}
}

static void every_value_has_an_item_that_says_something(void **state)
{
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		const char *value;

		if (row->type != OPTION_CHOICE)
			continue;
		for (size_t j = 0; (value = option_choice(row, j)); j++) {
			g_autofree char *start = g_strdup_printf(".It Cm %s Ns = Ns Cm %s", row->name, value);
			char **line = find_line(sievefs_lines, start);

			if (!line)
				fail_msg("sievefs.8 has no line \"%s\"", start);
			if (g_str_has_prefix(line[1], ".It") || g_str_has_prefix(line[1], ".El"))
				fail_msg("sievefs.8 says nothing of %s=%s", row->name, value);
		}
	}
}

static bool has_choice(const struct option_row *row, const char *value)
{
	const char *choice;

	for (size_t i = 0; (choice = option_choice(row, i)); i++) {
		if (strcmp(choice, value) == 0)
			return true;
	}
	return false;
}

static void no_item_is_of_an_option_or_value_that_is_not_there(void **state)
{
	for (char **line = sievefs_lines; *line; line++) {
		char name[64], kind[8], value[64];
		const struct option_row *row;

		if (sscanf(*line, ".It Cm %63s Ns = Ns %7s %63s", name, kind, value) != 3)
			continue;
		row = option_find(options_table(), name);
		if (!row)
			fail_msg("sievefs.8: %s is no option", name);
		if (strcmp(kind, "Cm") == 0 && !has_choice(row, value))
			fail_msg("sievefs.8: %s=%s is no value", name, value);
	}
}

/* The lines between "These can:" and what can't. */
static void the_options_that_set_changes_are_those_that_are_live(void **state)
{
	const struct option_table *table = options_table();
	char **line = find_line(sievectl_lines, "These can:");
	g_autoptr(GString) list = g_string_new(" ");
	g_auto(GStrv) words = NULL;

	assert_non_null(line);
	while (*++line && !g_str_has_prefix(*line, "Any other option"))
		g_string_append_printf(list, "%s ", *line);
	assert_non_null(*line);
	words = g_strsplit_set(list->str, " ,.", -1);
	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];

		if (g_strv_contains((const char *const *)words, row->name) != row->live)
			fail_msg("sievectl.8, set: %s is %s", row->name,
				row->live ? "missing" : "one that can't change");
	}
}

static void expect_counter_item(void *context, const char *name, uint64_t value, const char *help)
{
	bool found = false;

	for (char **line = sievectl_lines; *line && !found; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);

		found = g_str_has_prefix(*line, ".It Cm ") &&
			g_strv_contains((const char *const *)words, name);
	}
	if (!found)
		fail_msg("sievectl.8 has no item of the counter %s", name);
}

static void every_counter_has_an_item(void **state)
{
	const struct stats stats = {0};

	stats_each(&stats, expect_counter_item, NULL);
	stats_lane_each(&stats, LANE_DIRECT, expect_counter_item, NULL);
}

static char **read_lines(const char *path)
{
	g_autofree char *text = NULL;

	if (g_file_get_contents(path, &text, NULL, NULL))
		return g_strsplit(text, "\n", -1);
	fprintf(stderr, "%s: cannot be read\n", path);
	return NULL;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_has_an_item_with_its_default),
		cmocka_unit_test(every_value_has_an_item_that_says_something),
		cmocka_unit_test(no_item_is_of_an_option_or_value_that_is_not_there),
		cmocka_unit_test(the_options_that_set_changes_are_those_that_are_live),
		cmocka_unit_test(every_counter_has_an_item),
	};
	int r = 2;

	if (argc != 3) {
		fprintf(stderr, "usage: %s SIEVEFS.8 SIEVECTL.8\n", argv[0]);
		return r;
	}
	sievefs_lines = read_lines(argv[1]);
	sievectl_lines = read_lines(argv[2]);
	if (sievefs_lines && sievectl_lines)
		r = cmocka_run_group_tests(tests, NULL, NULL);
	g_strfreev(sievefs_lines);
	g_strfreev(sievectl_lines);
	return r;
}
