/*
 * report - prints the replayer's results: a table for each trace, or one JSON array.
 */
#pragma once

#include "tools/replay/advised.h"
#include "tools/replay/settings.h"

/* results[policy * size_count + size]; advised: NULL without --advise */
void report_table(const struct settings *settings, const struct trace *trace, const struct advised *advised,
	const struct replay_result *results);

/* Elements of the array only; is_first: these begin the array. */
void report_json(const struct settings *settings, const struct trace *trace,
	const struct replay_result *results, bool is_first);
