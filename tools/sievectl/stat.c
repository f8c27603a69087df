#include "tools/sievectl/stat.h"

#include "tools/sievectl/columns.h"
#include "tools/sievectl/print.h"
#include "tools/sievectl/watch.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ROWS_ELSEWHERE 25 /* if the output is no terminal */

/* --- lines ------------------------------------------------------------------------------------ */

/* To be called for each line: a terminal may be resized. */
static void measure_screen(int *rows, int *width)
{
	struct winsize size;

	*rows = ROWS_ELSEWHERE;
	*width = COLUMNS_ALL;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
		*rows = size.ws_row;
		*width = size.ws_col;
	}
}

static void print_header(int width)
{
	char line[COLUMNS_LINE];

	columns_header(width, line);
	puts(line);
}

static void print_line(const struct watch *watch, int width)
{
	char line[COLUMNS_LINE];
	time_t now = time(NULL);
	struct tm tm;

	if (watch->rates.restarted)
		printf("the mount was restarted at %s; the counters begin there\n", watch->now.start_time);
	columns_line(&watch->now, &watch->rates, localtime_r(&now, &tm), width, line);
	puts(line);
}

static int sleep_until(double when_s)
{
	double whole = floor(when_s);
	const struct timespec until = {
		.tv_sec = (time_t)whole,
		.tv_nsec = (long)((when_s - whole) * 1e9),
	};

	return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

int stat_watch(struct sievefs_mount *mount, double interval_s, unsigned long count)
{
	struct watch watch;
	int r = watch_begin(&watch, mount), left = 0; /* lines below this header */
	double next_s = watch.now.taken_s;

	for (unsigned long i = 0; r == 0 && (count == 0 || i < count); i++) {
		int rows, width;

		/* lines that were missed while the process was stopped are not made up for */
		next_s = fmax(next_s + interval_s, watch_clock());
		sleep_until(next_s);
		r = watch_next(&watch);
		if (r < 0)
			break;
		measure_screen(&rows, &width);
		if (left-- == 0) {
			print_header(width);
			left = rows > 3 ? rows - 3 : 0;
		}
		print_line(&watch, width);
		if (fflush(stdout) != 0)
			break; /* main() reports it */
	}
	return r;
}

/* --- words ------------------------------------------------------------------------------------ */

static int refuse(const char *flag, const char *value, const char *takes)
{
	fprintf(stderr, "sievectl: %s%s%s: takes %s\n", flag, value ? " " : "", value ? value : "", takes);
	return 1;
}

static int parse_count(const char *text, unsigned long *count)
{
	errno = 0;
	*count = *text && strspn(text, "0123456789") == strlen(text) ? strtoul(text, NULL, 10) : 0;
	return *count > 0 && errno == 0 ? 0 : refuse("-c", text, "a whole number, 1 or more");
}

int stat_run(struct sievefs_mount *mount, const char *const *request)
{
	unsigned long count = 0;
	double interval_s = 0;
	const char *other = NULL; /* a flag that lines can't be combined with */
	int r = 0;

	for (const char *const *word = request + 1; r == 0 && *word; word++) {
		if (strcmp(*word, "-i") == 0)
			r = watch_parse_interval(*++word, &interval_s);
		else if (strcmp(*word, "-c") == 0)
			r = parse_count(*++word, &count);
		else
			other = *word;
	}
	if (r != 0)
		return r;
	if (interval_s == 0)
		return count ? refuse("-c", NULL, "-i as well") : print_reply(mount, request);
	return other ? refuse(other, NULL, "no -i") : stat_watch(mount, interval_s, count);
}
