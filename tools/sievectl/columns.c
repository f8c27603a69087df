#include "tools/sievectl/columns.h"

#include "tools/sievectl/short_number.h"

#include <stdio.h>
#include <string.h>

#define CELL 16

struct moment {
	const struct sample *sample;
	const struct rates *rates;
	const struct tm *now;
};

static void show_time(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	(void)lane;
	strftime(cell, CELL, "%H:%M:%S", m->now);
}

static void show_opens(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	(void)lane;
	short_count(cell, m->rates->opens);
}

static void show_hits(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	(void)lane;
	if (m->rates->hit_share < 0)
		strcpy(cell, "-");
	else
		snprintf(cell, CELL, "%.1f", m->rates->hit_share * 100);
}

static void show_share(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	double share = m->rates->lanes[lane].open_share;

	if (share < 0)
		strcpy(cell, "-");
	else
		snprintf(cell, CELL, "%.0f", share * 100);
}

static void show_cached(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	(void)lane;
	short_bytes(cell, (double)m->sample->cached_bytes);
}

static void show_budget(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	(void)lane;
	short_bytes(cell, (double)m->sample->budget_bytes);
}

static void show_dirty(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	(void)lane;
	if (m->sample->has_dirty)
		short_bytes(cell, (double)m->sample->dirty_bytes);
	else
		strcpy(cell, "-");
}

static void show_age(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	(void)lane;
	if (m->sample->has_dirty && m->sample->dirty_bytes)
		short_age(cell, m->sample->oldest_ms);
	else
		strcpy(cell, "-");
}

static void show_waits(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	(void)lane;
	if (m->sample->has_dirty)
		short_count(cell, m->rates->throttled);
	else
		strcpy(cell, "-");
}

static void show_bytes(const struct moment *m, enum sample_lane lane, char cell[CELL])
{
	short_bytes(cell, m->rates->lanes[lane].bytes);
}

static const struct column {
	const char *title;
	int width;
	void (*show)(const struct moment *m, enum sample_lane lane, char cell[CELL]);
	enum sample_lane lane;
} columns[] = {
	{"time", 8, show_time, 0},
	{"open/s", 6, show_opens, 0},
	{"hit%", 5, show_hits, 0},
	{"cach", 4, show_share, SAMPLE_CACHED},
	{"plai", 4, show_share, SAMPLE_PLAIN},
	{"trai", 4, show_share, SAMPLE_TRAILED},
	{"dire", 4, show_share, SAMPLE_DIRECT},
	{"cwri", 4, show_share, SAMPLE_CACHED_WRITE},
	{"serv", 4, show_share, SAMPLE_SERVED},
	{"cache", 5, show_cached, 0},
	{"limit", 5, show_budget, 0},
	{"dirty", 5, show_dirty, 0},
	{"age", 4, show_age, 0},
	{"wait", 5, show_waits, 0},
	{"dir/s", 5, show_bytes, SAMPLE_DIRECT},
	{"cwr/s", 5, show_bytes, SAMPLE_CACHED_WRITE},
	{"ser/s", 5, show_bytes, SAMPLE_SERVED},
};

/* The first one always fits. */
static void append(const struct column *column, const char *cell, int width, char *line)
{
	size_t used = strlen(line);

	if (used > 0 && width != COLUMNS_ALL && used + 1 + (size_t)column->width > (size_t)width)
		return;
	snprintf(line + used, COLUMNS_LINE - used, "%s%*s", used ? " " : "", column->width, cell);
}

void columns_header(int width, char line[COLUMNS_LINE])
{
	line[0] = '\0';
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		append(&columns[i], columns[i].title, width, line);
}

void columns_line(const struct sample *sample, const struct rates *rates, const struct tm *now, int width,
	char line[COLUMNS_LINE])
{
	const struct moment moment = {sample, rates, now};

	line[0] = '\0';
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		char cell[CELL] = "";

		columns[i].show(&moment, columns[i].lane, cell);
		append(&columns[i], cell, width, line);
	}
}
