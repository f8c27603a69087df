#include "fs/options/option_value.h"

#include <errno.h>
#include <string.h>

#define PAGE_BYTES 4096

struct unit {
	const char *suffix;
	uint64_t factor;
};

/* Largest last: formatting takes the last one that divides. */
static const struct unit size_units[] = {
	{"", 1},
	{"K", 1ull << 10},
	{"M", 1ull << 20},
	{"G", 1ull << 30},
	{"T", 1ull << 40},
};

static const struct unit duration_units[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60 * 1000},
	{"h", 60 * 60 * 1000},
};

/* Parses the leading digits. *rest: the text after them. */
static int parse_digits(const char *text, uint64_t *value, const char **rest)
{
	uint64_t sum = 0;
	const char *at = text;

	for (; g_ascii_isdigit(*at); at++) {
		if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *at - '0', &sum))
			return -ERANGE;
	}
	if (at == text)
		return -EINVAL;
	*value = sum;
	*rest = at;
	return 0;
}

static int apply_unit(
	uint64_t count, const char *suffix, const struct unit *units, size_t unit_count, uint64_t *value)
{
	for (size_t i = 0; i < unit_count; i++) {
		if (g_ascii_strcasecmp(suffix, units[i].suffix) != 0)
			continue;
		return __builtin_mul_overflow(count, units[i].factor, value) ? -ERANGE : 0;
	}
	return -EINVAL;
}

int value_parse_uint(const char *text, uint64_t *value)
{
	const char *rest;
	uint64_t count;
	int r = parse_digits(text, &count, &rest);

	if (r < 0)
		return r;
	if (*rest)
		return -EINVAL;
	*value = count;
	return 0;
}

int value_parse_decimal(const char *text, double *value)
{
	size_t whole = strspn(text, "0123456789");
	size_t fraction = 0;

	if (whole == 0)
		return -EINVAL;
	if (text[whole] == '.') {
		fraction = strspn(text + whole + 1, "0123456789");
		if (fraction == 0)
			return -EINVAL;
		fraction++;
	}
	if (text[whole + fraction])
		return -EINVAL;
	if (whole > 18)
		return -ERANGE;
	*value = g_ascii_strtod(text, NULL);
	return 0;
}

int value_parse_size(const char *text, uint64_t *bytes)
{
	const char *suffix;
	uint64_t count, product;
	int r = parse_digits(text, &count, &suffix);

	if (r == 0)
		r = apply_unit(count, suffix, size_units, G_N_ELEMENTS(size_units), &product);
	if (r == 0)
		*bytes = product;
	return r;
}

int value_parse_percent(const char *text, uint64_t whole, uint64_t *bytes)
{
	g_autofree char *number = NULL;
	double percent;
	int r;

	if (!g_str_has_suffix(text, "%"))
		return -EINVAL;
	number = g_strndup(text, strlen(text) - 1);
	r = value_parse_decimal(number, &percent);
	if (r < 0)
		return r;
	if (percent > 100)
		return -ERANGE;
	*bytes = (uint64_t)((double)whole / 100 * percent) / PAGE_BYTES * PAGE_BYTES;
	return 0;
}

int value_parse_duration(const char *text, uint64_t *ms)
{
	const char *suffix;
	uint64_t count, product;
	int r = parse_digits(text, &count, &suffix);

	if (r == 0)
		r = apply_unit(count, *suffix ? suffix : "s", duration_units, G_N_ELEMENTS(duration_units),
			&product);
	if (r == 0)
		*ms = product;
	return r;
}

static void format_unit(GString *out, uint64_t value, const struct unit *units, size_t unit_count)
{
	size_t i = unit_count - 1;

	while (i > 0 && (value == 0 || value % units[i].factor != 0))
		i--;
	g_string_append_printf(out, "%" PRIu64 "%s", value / units[i].factor, units[i].suffix);
}

void value_format_size(GString *out, uint64_t bytes)
{
	format_unit(out, bytes, size_units, G_N_ELEMENTS(size_units));
}

void value_format_duration(GString *out, uint64_t ms)
{
	if (ms == 0)
		g_string_append(out, "0s");
	else
		format_unit(out, ms, duration_units, G_N_ELEMENTS(duration_units));
}

void value_format_decimal(GString *out, double value)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	/* %f and not %g: no exponent, which the parser would refuse. */
	g_ascii_formatd(text, sizeof(text), "%.6f", value);
	for (char *end = text + strlen(text) - 1; *end == '0' || *end == '.'; end--) {
		bool dot = *end == '.';

		*end = '\0';
		if (dot)
			break;
	}
	g_string_append(out, text);
}

void value_append_escaped(GString *out, const char *text)
{
	for (; *text; text++) {
		if (*text == ',' || *text == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *text);
	}
}
