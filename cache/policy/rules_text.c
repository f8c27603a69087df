#include "cache/policy/rules_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct rules_unit rules_bytes[] = {
	{'K', 1ULL << 10}, {'M', 1ULL << 20}, {'G', 1ULL << 30}, {'T', 1ULL << 40}, {0}};
const struct rules_unit rules_seconds[] = {
	{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}, {0}};

int rules_complain(struct rules_line *line, const char *format, ...)
{
	g_autofree char *what = NULL, *whole = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	if (line->key)
		whole = g_strdup_printf("line %u: %s=%s: %s", line->number, line->key, line->value, what);
	else
		whole = g_strdup_printf("line %u: %s", line->number, what);
	free(*line->error);
	*line->error = strdup(whole);
	return -EINVAL;
}

char **rules_split(const char *value)
{
	GPtrArray *parts = g_ptr_array_new();
	char **raw = g_strsplit(value, ";", -1);

	for (char **part = raw; *part; part++) {
		if (*g_strstrip(*part))
			g_ptr_array_add(parts, *part);
		else
			g_free(*part);
	}
	g_free(raw);
	g_ptr_array_add(parts, NULL);
	return (char **)g_ptr_array_free(parts, FALSE);
}

bool rules_number(const char *text, const struct rules_unit *units, uint64_t *number)
{
	const struct rules_unit *unit = units;
	char *end;

	if (!g_ascii_isdigit(*text))
		return false;
	errno = 0;
	*number = g_ascii_strtoull(text, &end, 10);
	if (errno || !*end)
		return !errno;
	while (unit->letter && unit->letter != *end)
		unit++;
	return unit->letter && !end[1] && !__builtin_mul_overflow(*number, unit->factor, number);
}

struct reader {
	GKeyFile *file;
	const struct rules_visitor *visitor;
	void *ctx;
	struct rules_line line;
	unsigned section_number; /* line of the present section */
	GHashTable *sections, *keys;
};

static int end_section(struct reader *r)
{
	struct rules_line line = r->line;

	line.number = r->section_number;
	line.key = NULL;
	return line.section ? r->visitor->end(r->ctx, &line) : 0;
}

static int begin_section(struct reader *r, char *text)
{
	size_t length = strlen(text);
	int error = end_section(r);

	if (error < 0)
		return error;
	r->line.key = NULL;
	if (text[length - 1] != ']' || length < 3)
		return rules_complain(&r->line, "'%s' is not a section; write [NAME]", text);
	text[length - 1] = '\0';
	if (!g_hash_table_add(r->sections, g_strdup(text + 1)))
		return rules_complain(&r->line, "there is a section [%s] already", text + 1);
	g_hash_table_remove_all(r->keys);
	r->section_number = r->line.number;
	r->line.section = g_hash_table_lookup(r->sections, text + 1);
	return r->visitor->begin(r->ctx, &r->line);
}

static int read_key(struct reader *r, char *text)
{
	char *equals = strchr(text, '=');
	g_autofree char *value = NULL;
	g_autoptr(GError) error = NULL;

	r->line.key = NULL;
	if (!equals || equals == text)
		return rules_complain(
			&r->line, "'%s' is neither [SECTION] nor KEY=VALUE nor # comment", text);
	if (!r->line.section)
		return rules_complain(&r->line, "'%s' stands before the first [SECTION]", text);
	*equals = '\0';
	r->line.key = g_strstrip(text);
	r->line.value = g_strstrip(equals + 1);
	if (!g_hash_table_add(r->keys, g_strdup(r->line.key)))
		return rules_complain(&r->line, "the section has this key already; remove one of them");
	value = g_key_file_get_string(r->file, r->line.section, r->line.key, &error);
	if (!value)
		return rules_complain(&r->line, "%s", error->message);
	r->line.value = g_strstrip(value);
	return r->visitor->key(r->ctx, &r->line);
}

static int read_line(struct reader *r, char *text)
{
	g_strstrip(text);
	if (!*text || *text == '#')
		return 0;
	return *text == '[' ? begin_section(r, text) : read_key(r, text);
}

/* GKeyFile refuses text that is not UTF-8 or not a key file, without a line number; this finds the line. */
static int check_form(struct reader *r, char **lines, const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;

	for (r->line.number = 1; lines[r->line.number - 1]; r->line.number++)
		if (!g_utf8_validate(lines[r->line.number - 1], -1, NULL))
			return rules_complain(&r->line, "the line is not UTF-8 text");
	if (g_key_file_load_from_data(r->file, text, size, G_KEY_FILE_NONE, &error))
		return 0;
	for (r->line.number = 1; lines[r->line.number - 1]; r->line.number++) {
		g_autoptr(GKeyFile) upto = g_key_file_new();
		g_autoptr(GError) wrong = NULL;
		g_autofree char *part = NULL;
		char *saved = lines[r->line.number];

		lines[r->line.number] = NULL;
		part = g_strjoinv("\n", lines);
		lines[r->line.number] = saved;
		if (!g_key_file_load_from_data(upto, part, -1, G_KEY_FILE_NONE, &wrong))
			return rules_complain(&r->line, "%s", wrong->message);
	}
	return rules_complain(&r->line, "%s", error->message);
}

static int read_lines(struct reader *r, char **lines, const char *text, size_t size)
{
	int error = check_form(r, lines, text, size);

	for (r->line.number = 1; !error && lines[r->line.number - 1]; r->line.number++) {
		g_autofree char *line = g_strdup(lines[r->line.number - 1]);

		error = read_line(r, line);
	}
	return error ? error : end_section(r);
}

int rules_read_text(const char *text, size_t size, rules_find_user *find_user,
	const struct rules_visitor *visitor, void *ctx, char **error)
{
	g_autofree char *copy = g_strndup(text, size);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	g_autoptr(GKeyFile) file = g_key_file_new();
	struct reader r = {.file = file,
		.visitor = visitor,
		.ctx = ctx,
		.line = {.find_user = find_user, .error = error}};
	int result;

	*error = NULL;
	r.line.number = 1;
	if (strlen(copy) != size)
		return rules_complain(&r.line, "the file has a NUL byte; it must be text");
	r.sections = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	r.keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	result = read_lines(&r, lines, copy, size);
	g_hash_table_unref(r.sections);
	g_hash_table_unref(r.keys);
	return result;
}
