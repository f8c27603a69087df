/*
 * json - appends JSON text to a GString, member by member.
 *
 * The caller balances begins and ends; commas and escapes are added here. @key is NULL at the top level.
 * Bytes that are not UTF-8, as in file names, are replaced by U+FFFD.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

void json_begin_object(GString *out, const char *key);
void json_end_object(GString *out);
void json_begin_array(GString *out, const char *key); /* of objects without keys */
void json_end_array(GString *out);
void json_uint(GString *out, const char *key, uint64_t value);
void json_double(GString *out, const char *key, double value); /* finite */
void json_string(GString *out, const char *key, const char *value);
