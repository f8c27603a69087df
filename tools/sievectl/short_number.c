#include "tools/sievectl/short_number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void with_unit(char text[SHORT_NUMBER], double value, double base)
{
	static const char *const units[] = {"", "K", "M", "G", "T", "P", "E"};
	size_t unit = 0;

	/* a value that would be rounded to the base is 1 of the next unit */
	while (value >= base - 0.5 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= base;
		unit++;
	}
	value = fmin(fmax(value, 0), 9999);
	if (value >= 99.95 || value == floor(value))
		snprintf(text, SHORT_NUMBER, "%.0f%.1s", value, units[unit]);
	else
		snprintf(text, SHORT_NUMBER, "%.1f%.1s", value, units[unit]);
}

void short_count(char text[SHORT_NUMBER], double count)
{
	with_unit(text, count, 1000);
}

void short_bytes(char text[SHORT_NUMBER], double bytes)
{
	with_unit(text, floor(bytes), 1024);
}

void short_age(char text[SHORT_NUMBER], uint64_t ms)
{
	double s = (double)ms / 1000;

	if (ms < 100)
		snprintf(text, SHORT_NUMBER, "%dms", (int)ms);
	else if (s < 9.95)
		snprintf(text, SHORT_NUMBER, "%.1fs", s);
	else if (s < 600)
		snprintf(text, SHORT_NUMBER, "%.0fs", s);
	else if (s < 36000)
		snprintf(text, SHORT_NUMBER, "%.0fm", s / 60);
	else if (s < 864000)
		snprintf(text, SHORT_NUMBER, "%.0fh", s / 3600);
	else
		snprintf(text, SHORT_NUMBER, "%.0fd", fmin(s / 86400, 999));
}

void short_latency(char text[SHORT_NUMBER], double seconds)
{
	static const struct {
		double factor;
		const char *unit;
	} units[] = {{1e6, "us"}, {1e3, "ms"}, {1, "s"}};
	size_t unit = 0;

	while (unit < 2 && seconds * units[unit].factor >= 999.5)
		unit++;
	seconds = fmin(fmax(seconds, 0) * units[unit].factor, 9999);
	snprintf(text, SHORT_NUMBER, seconds >= 9.95 || seconds == 0 ? "%.0f%s" : "%.1f%s", seconds,
		units[unit].unit);
}
