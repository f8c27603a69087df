#include "tools/sievectl/series.h"

#define HEIGHTS 8

static const char *const blocks[HEIGHTS + 1] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const letters[HEIGHTS + 1] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};

void series_add(struct series *series, double value)
{
	series->values[series->next] = value;
	series->next = (series->next + 1) % SERIES_MAX;
	series->count = MIN(series->count + 1, SERIES_MAX);
}

/* @age 0 is the newest. */
static double value_at(const struct series *series, unsigned age)
{
	return age < series->count ? series->values[(series->next + SERIES_MAX - 1 - age) % SERIES_MAX] : -1;
}

static double largest(const struct series *series, unsigned cells)
{
	double most = 0;

	for (unsigned age = 0; age < cells; age++)
		most = MAX(most, value_at(series, age));
	return most;
}

/* At least 1 for any value above 0, so that it is visible. */
static unsigned height(double value, double top)
{
	if (value <= 0 || top <= 0)
		return 0;
	return CLAMP((unsigned)(value / top * HEIGHTS + 0.5), 1, HEIGHTS);
}

void series_draw(const struct series *series, unsigned cells, double top, bool utf8, GString *out)
{
	const char *const *cell = utf8 ? blocks : letters;

	if (top <= 0)
		top = largest(series, cells);
	for (unsigned age = cells; age-- > 0;)
		g_string_append(out, cell[height(MIN(value_at(series, age), top), top)]);
}
