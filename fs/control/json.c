#include "fs/control/json.h"

#include <inttypes.h>

static void append_quoted(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	g_string_append_c(out, '"');
	for (const char *at = valid; *at; at++) {
		if (*at == '"' || *at == '\\')
			g_string_append_printf(out, "\\%c", *at);
		else if (*at == '\n')
			g_string_append(out, "\\n");
		else if ((unsigned char)*at < 0x20 || *at == 0x7f)
			g_string_append_printf(out, "\\u%04x", *at);
		else
			g_string_append_c(out, *at);
	}
	g_string_append_c(out, '"');
}

/* Appends a comma unless this is the first member, which follows an opening bracket or nothing. */
static void append_key(GString *out, const char *key)
{
	if (out->len > 0 && out->str[out->len - 1] != '{' && out->str[out->len - 1] != '[')
		g_string_append_c(out, ',');
	if (key) {
		append_quoted(out, key);
		g_string_append_c(out, ':');
	}
}

void json_begin_object(GString *out, const char *key)
{
	append_key(out, key);
	g_string_append_c(out, '{');
}

void json_end_object(GString *out)
{
	g_string_append_c(out, '}');
}

void json_begin_array(GString *out, const char *key)
{
	append_key(out, key);
	g_string_append_c(out, '[');
}

void json_end_array(GString *out)
{
	g_string_append_c(out, ']');
}

void json_uint(GString *out, const char *key, uint64_t value)
{
	append_key(out, key);
	g_string_append_printf(out, "%" PRIu64, value);
}

void json_double(GString *out, const char *key, double value)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	append_key(out, key);
	g_string_append(out, g_ascii_formatd(text, sizeof(text), "%.15g", value));
}

void json_string(GString *out, const char *key, const char *value)
{
	append_key(out, key);
	append_quoted(out, value);
}
