#include "fs/options/options_change.h"

#include <errno.h>
#include <string.h>

#include "fs/options/option_value.h"
#include "fs/options/options_together.h"

static char *value_of(const struct option_row *row, const struct options *options)
{
	GString *text = g_string_new(NULL);

	option_format(row, options, text);
	return g_string_free(text, FALSE);
}

/* Whether row @i was given in @asked, with another value than in @now. */
static bool is_changed(size_t i, const struct options *asked, const struct options *now)
{
	const struct option_row *row = &options_table()->rows[i];
	g_autofree char *before = NULL, *after = NULL;

	if (!(asked->given & 1ull << i))
		return false;
	before = value_of(row, now);
	after = value_of(row, asked);
	return strcmp(before, after) != 0;
}

bool options_is_changed(const char *name, const struct options *asked, const struct options *now)
{
	return is_changed((size_t)(option_find(options_table(), name) - options_table()->rows), asked, now);
}

int options_check_change(const struct options *asked, const struct options *now, char **error)
{
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++) {
		const struct option_row *row = &table->rows[i];
		g_autofree char *before = NULL, *after = NULL;

		if (row->live || !is_changed(i, asked, now))
			continue;
		before = value_of(row, now);
		after = value_of(row, asked);
		*error = g_strdup_printf("%s=%s: the mount has %s; to change it, unmount and mount again",
			row->name, after, *before ? before : "none");
		return -EINVAL;
	}
	return 0;
}

/* Live rows are numbers and choices, which own no memory. */
static void copy_field(const struct option_row *row, struct options *to, const struct options *from)
{
	static const size_t sizes[] = {
		[OPTION_SIZE] = sizeof(uint64_t),
		[OPTION_UINT] = sizeof(unsigned int),
		[OPTION_DURATION] = sizeof(uint64_t),
		[OPTION_SECONDS] = sizeof(double),
		[OPTION_CHOICE] = sizeof(int),
	};

	memcpy((char *)to + row->offset, (const char *)from + row->offset, sizes[row->type]);
}

static void copy_live(struct options *to, const struct options *from, uint64_t rows)
{
	const struct option_table *table = options_table();

	for (size_t i = 0; i < table->row_count; i++) {
		if (table->rows[i].live && rows & 1ull << i)
			copy_field(&table->rows[i], to, from);
	}
}

int options_change(struct options *now, const struct options *asked, char **error)
{
	struct options after = *now; /* borrows its strings */
	int r = options_check_change(asked, now, error);

	if (r < 0)
		return r;
	copy_live(&after, asked, asked->given);
	r = options_check_together(&after, error);
	if (r == 0)
		copy_live(now, asked, asked->given);
	return r;
}

char *options_list_changed(
	const struct options *asked, const struct options *now, const struct options *values)
{
	const struct option_table *table = options_table();
	GString *list = g_string_new(NULL);

	for (size_t i = 0; i < table->row_count; i++) {
		g_autofree char *value = NULL;

		if (!is_changed(i, asked, now))
			continue;
		value = value_of(&table->rows[i], values);
		g_string_append_printf(list, "%s%s=", list->len ? "," : "", table->rows[i].name);
		value_append_escaped(list, value);
	}
	return g_string_free(list, FALSE);
}
