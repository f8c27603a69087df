#include "fs/options/option_table.h"

#include "fs/options/metrics_address.h"
#include "fs/options/option_value.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define HELP_COLUMN 34

const struct option_row *option_find(const struct option_table *table, const char *name)
{
	for (size_t i = 0; i < table->row_count; i++) {
		if (strcmp(table->rows[i].name, name) == 0)
			return &table->rows[i];
	}
	return NULL;
}

const char *option_choice(const struct option_row *row, size_t i)
{
	return row->choice_at ? row->choice_at(i) : row->choices[i];
}

const char *option_fallback(const struct option_row *row)
{
	if (row->fallback || row->type != OPTION_CHOICE)
		return row->fallback;
	return option_choice(row, 0);
}

static void append_choices(const struct option_row *row, const char *between, const char *last, GString *out)
{
	const char *name;

	for (size_t i = 0; (name = option_choice(row, i)); i++) {
		if (i > 0)
			g_string_append(out, option_choice(row, i + 1) ? between : last);
		g_string_append(out, name);
	}
}

/* Appends what the row's type accepts, as the end of an error line. */
static void append_takes(const struct option_row *row, GString *out)
{
	switch (row->type) {
	case OPTION_SIZE:
		g_string_append(out, "takes bytes with K, M, G or T");
		g_string_append(out, row->percent ? ", or % of memory" : "");
		break;
	case OPTION_UINT:
		g_string_append(out, "takes a whole number");
		break;
	case OPTION_DURATION:
		g_string_append(out, "takes a time in ms, s, m or h");
		break;
	case OPTION_SECONDS:
		g_string_append(out, "takes seconds");
		break;
	case OPTION_CHOICE:
		g_string_append(out, "takes ");
		append_choices(row, ", ", " or ", out);
		break;
	case OPTION_PATH:
		g_string_append(out, "takes a path");
		break;
	case OPTION_ADDRESS:
		g_string_append(out, "takes " METRICS_ADDRESS_FORMS);
		break;
	}
	if (row->word)
		g_string_append_printf(out, ", or %s", row->word);
}

static void append_bound(const struct option_row *row, uint64_t bound, GString *out)
{
	if (row->type == OPTION_SIZE)
		value_format_size(out, bound);
	else if (row->type == OPTION_DURATION)
		value_format_duration(out, bound);
	else
		g_string_append_printf(out, "%" PRIu64, bound);
}

static void append_range(const struct option_row *row, GString *out)
{
	if (row->min == 0 && row->max == 0)
		return;
	g_string_append(out, ", ");
	if (row->min > 0 || row->max == 0) {
		append_bound(row, row->min, out);
		g_string_append(out, row->max ? " to " : " or more");
	} else {
		g_string_append(out, "at most ");
	}
	if (row->max)
		append_bound(row, row->max, out);
}

static int refuse(const struct option_row *row, const char *text, int r, char **error)
{
	GString *line = g_string_new(row->name);

	if (text)
		g_string_append_printf(line, "=%s", text);
	g_string_append(line, ": ");
	append_takes(row, line);
	if (r == -ERANGE)
		append_range(row, line);
	*error = g_string_free(line, FALSE);
	return -EINVAL;
}

static bool is_in_range(const struct option_row *row, double value)
{
	return value >= (double)row->min && (row->max == 0 || value <= (double)row->max);
}

static int set_integer(const struct option_row *row, void *field, const char *text, uint64_t memory)
{
	uint64_t value;
	int r;

	if (row->word && strcmp(text, row->word) == 0) {
		*(uint64_t *)field = OPTION_WORD;
		return 0;
	}
	if (row->type == OPTION_DURATION)
		r = value_parse_duration(text, &value);
	else if (row->type == OPTION_UINT)
		r = value_parse_uint(text, &value);
	else if (row->percent && g_str_has_suffix(text, "%"))
		r = value_parse_percent(text, memory, &value);
	else
		r = value_parse_size(text, &value);
	if (r < 0)
		return r;
	if (value < row->min || (row->max && value > row->max))
		return -ERANGE;
	if (row->type != OPTION_UINT)
		*(uint64_t *)field = value;
	else if (value > UINT_MAX)
		return -ERANGE;
	else
		*(unsigned int *)field = value;
	return 0;
}

static int set_seconds(const struct option_row *row, double *field, const char *text)
{
	double value;
	int r;

	if (row->word && strcmp(text, row->word) == 0) {
		*field = OPTION_WORD_SECONDS;
		return 0;
	}
	r = value_parse_decimal(text, &value);
	if (r < 0)
		return r;
	if (!is_in_range(row, value))
		return -ERANGE;
	*field = value;
	return 0;
}

static int set_choice(const struct option_row *row, int *field, const char *text)
{
	const char *name;

	for (size_t i = 0; (name = option_choice(row, i)); i++) {
		if (strcmp(name, text) == 0) {
			*field = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_string(char **field, const char *text)
{
	if (!*text)
		return -EINVAL;
	g_free(*field);
	*field = g_strdup(text);
	return 0;
}

static int set_field(const struct option_row *row, void *field, const char *text, uint64_t memory)
{
	switch (row->type) {
	case OPTION_SIZE:
	case OPTION_UINT:
	case OPTION_DURATION:
		return set_integer(row, field, text, memory);
	case OPTION_SECONDS:
		return set_seconds(row, field, text);
	case OPTION_CHOICE:
		return set_choice(row, field, text);
	case OPTION_PATH:
	case OPTION_ADDRESS:
		return set_string(field, text);
	}
	return -EINVAL;
}

int option_set(const struct option_row *row, void *base, const char *text, uint64_t memory, char **error)
{
	int r = text ? set_field(row, (char *)base + row->offset, text, memory) : -EINVAL;

	return r < 0 ? refuse(row, text, r, error) : 0;
}

/* With very little memory a percentage may be less than the row's minimum, which is then the default. */
static int set_fallback(const struct option_row *row, void *field, uint64_t memory)
{
	int r = set_field(row, field, option_fallback(row), memory);

	if (r == -ERANGE && row->percent) {
		*(uint64_t *)field = row->min;
		r = 0;
	}
	return r;
}

void option_table_set_fallbacks(const struct option_table *table, void *base, uint64_t memory)
{
	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];

		if (option_fallback(row) && set_fallback(row, (char *)base + row->offset, memory) < 0)
			g_error("option %s: its fallback %s is none of its values", row->name,
				option_fallback(row));
	}
}

void option_table_clear(const struct option_table *table, void *base)
{
	for (size_t i = 0; i < table->row_count; i++) {
		if (table->rows[i].type == OPTION_PATH || table->rows[i].type == OPTION_ADDRESS)
			g_clear_pointer((char **)((char *)base + table->rows[i].offset), g_free);
	}
}

bool option_is_word(const struct option_row *row, const void *base)
{
	const void *field = (const char *)base + row->offset;

	if (row->type == OPTION_SECONDS)
		return row->word && *(const double *)field == OPTION_WORD_SECONDS;
	return row->word && *(const uint64_t *)field == OPTION_WORD;
}

void option_format(const struct option_row *row, const void *base, GString *out)
{
	const void *field = (const char *)base + row->offset;

	if (option_is_word(row, base)) {
		g_string_append(out, row->word);
		return;
	}
	switch (row->type) {
	case OPTION_SIZE:
		value_format_size(out, *(const uint64_t *)field);
		break;
	case OPTION_UINT:
		g_string_append_printf(out, "%u", *(const unsigned int *)field);
		break;
	case OPTION_DURATION:
		value_format_duration(out, *(const uint64_t *)field);
		break;
	case OPTION_SECONDS:
		value_format_decimal(out, *(const double *)field);
		break;
	case OPTION_CHOICE:
		g_string_append(out, option_choice(row, *(const int *)field));
		break;
	case OPTION_PATH:
	case OPTION_ADDRESS:
		g_string_append(out, *(char *const *)field ? *(char *const *)field : "");
		break;
	}
}

static void append_placeholder(const struct option_row *row, GString *out)
{
	static const char *const placeholders[] = {
		[OPTION_SIZE] = "BYTES",
		[OPTION_UINT] = "N",
		[OPTION_DURATION] = "TIME",
		[OPTION_SECONDS] = "SECONDS",
		[OPTION_PATH] = "PATH",
		[OPTION_ADDRESS] = "ADDRESS",
	};

	if (row->type == OPTION_CHOICE)
		append_choices(row, "|", "|", out);
	else
		g_string_append(out, placeholders[row->type]);
	if (row->word)
		g_string_append_printf(out, "|%s", row->word);
}

void option_table_help(const struct option_table *table, GString *out)
{
	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		g_autoptr(GString) word = g_string_new(row->name);

		g_string_append_c(word, '=');
		append_placeholder(row, word);
		if (word->len > HELP_COLUMN)
			g_string_append_printf(
				out, "  %s\n%*s %s", word->str, HELP_COLUMN + 2, "", row->help);
		else
			g_string_append_printf(out, "  %-*s %s", HELP_COLUMN, word->str, row->help);
		if (option_fallback(row))
			g_string_append_printf(out, " (default %s)", option_fallback(row));
		g_string_append_c(out, '\n');
	}
}

size_t option_distance(const char *a, const char *b)
{
	size_t width = strlen(b) + 1;
	size_t height = strlen(a) + 1;
	size_t *cell = g_new(size_t, width * height), distance;

	for (size_t i = 0; i < height; i++) {
		for (size_t j = 0; j < width; j++) {
			size_t *at = &cell[i * width + j];

			if (i == 0 || j == 0) {
				*at = i + j;
				continue;
			}
			*at = MIN(at[-1], *(at - width)) + 1;
			*at = MIN(*at, *(at - width - 1) + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				*at = MIN(*at, *(at - 2 * width - 2) + 1);
		}
	}
	distance = cell[height * width - 1];
	g_free(cell);
	return distance;
}
