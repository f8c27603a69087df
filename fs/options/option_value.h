/*
 * option_value - converts what a user types to numbers, and back.
 *
 * Pure. Every parser requires the whole text to be valid: empty text, signs, blanks, trailing characters and
 * overflow are -EINVAL or -ERANGE, and the result is then unchanged.
 */
#pragma once

#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>

/* Decimal digits only. */
int value_parse_uint(const char *text, uint64_t *value);

/* Digits, with a fraction if need be: "1", "0.25". No exponent, no infinity. */
int value_parse_decimal(const char *text, double *value);

/* Bytes: digits and at most one of K, M, G, T (powers of 1024, either case). */
int value_parse_size(const char *text, uint64_t *bytes);

/* "12.5%" of @whole bytes, rounded down to whole 4 KiB pages; more than 100 % is -ERANGE. */
int value_parse_percent(const char *text, uint64_t whole, uint64_t *bytes);

/* Milliseconds: digits and one of ms, s, m, h; a bare number means seconds. */
int value_parse_duration(const char *text, uint64_t *ms);

/* Append the shortest text that the parser of the same name reads back as the same value. */
void value_format_size(GString *out, uint64_t bytes);
void value_format_duration(GString *out, uint64_t ms);
void value_format_decimal(GString *out, double value);

/* Appends a value as -o takes it: commas and backslashes get a backslash. */
void value_append_escaped(GString *out, const char *text);
