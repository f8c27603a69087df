#include "tools/sievectl/top.h"

#include "tools/sievectl/sampler.h"
#include "tools/sievectl/screen.h"
#include "tools/sievectl/stat.h"
#include "tools/sievectl/terminal.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 100      /* how often to look for a new sample while no key is pressed */
#define LOST_S 2.5       /* after so many intervals without an answer the screen says so */
#define HANG_UPS_MAX 100 /* so many failures in a row to wait for a key mean that the terminal is gone */

struct top {
	struct sampler *sampler;
	double interval_s;
	struct sampler_news news; /* the last sample */
	struct view live, frozen; /* frozen: what was there when it was paused */
	struct screen_state state;
};

static void draw(struct top *top)
{
	struct screen_line *lines;
	int rows, columns;
	time_t now = time(NULL);

	getmaxyx(stdscr, rows, columns);
	if (!top->state.paused)
		localtime_r(&now, &top->state.now);
	lines = screen_make(top->state.paused ? &top->frozen : &top->live, &top->state, rows, columns);
	erase();
	for (int row = 0; row < rows; row++) {
		static const attr_t attributes[] = {
			[STYLE_PLAIN] = A_NORMAL, [STYLE_TITLE] = A_BOLD, [STYLE_BAR] = A_REVERSE};

		attrset(attributes[lines[row].style]);
		if (lines[row].text)
			mvaddstr(row, 0, lines[row].text);
	}
	screen_free(lines, rows);
	move(rows - 1, 0);
	refresh();
}

/* 1: there is a new sample; 0: there is none; or -errno. */
static int take_sample(struct top *top)
{
	bool is_new = sampler_read(top->sampler, &top->news);
	double silent_s;

	if (top->news.result < 0)
		return top->news.result;
	if (is_new)
		view_add(&top->live, &top->news.watch.now, &top->news.watch.rates, &top->news.watch.hottest);
	silent_s = watch_clock() - top->news.watch.now.taken_s;
	silent_s = silent_s > LOST_S * top->interval_s && silent_s > 1 ? silent_s : 0;
	is_new = is_new || (int)silent_s != (int)top->state.silent_s;
	top->state.silent_s = silent_s;
	return is_new;
}

/* False: the key ends the program. */
static bool take_key(struct top *top, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 's':
		top->state.sort = (top->state.sort + 1) % SORT_COUNT;
		break;
	case 'p':
	case ' ':
		top->state.paused = !top->state.paused;
		top->frozen = top->live;
		break;
	default: /* KEY_RESIZE: the screen is drawn again after any key */
		break;
	}
	return true;
}

static int watch_keys(struct top *top)
{
	int hang_ups = 0, r = 0;

	draw(top);
	while (r >= 0 && hang_ups < HANG_UPS_MAX) {
		double asked_s = watch_clock();
		int key = getch();

		/* the wait for a key ends at once if the terminal is gone */
		hang_ups = key == ERR && watch_clock() - asked_s < LOOK_MS / 2000.0 ? hang_ups + 1 : 0;
		if (key != ERR && !take_key(top, key))
			return 0;
		r = take_sample(top);
		if (key != ERR || (r > 0 && !top->state.paused))
			draw(top);
	}
	return r < 0 ? r : -EIO;
}

static void prepare_screen(void)
{
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	timeout(LOOK_MS);
}

static int show(struct top *top)
{
	const char *type = getenv("TERM");
	SCREEN *screen;
	int r;

	setlocale(LC_CTYPE, "");
	top->state.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen = terminal_is_known() ? newterm(NULL, stdout, stdin) : NULL;
	if (!screen) {
		fprintf(stderr,
			"sievectl: top: the terminal type %s is not known; sievectl stat -i 1 prints lines\n",
			type && *type ? type : "(none, in $TERM)");
		return 1;
	}
	prepare_screen();
	r = watch_keys(top);
	endwin();
	delscreen(screen);
	return r;
}

static int run(struct sievefs_mount *mount, struct top *top)
{
	int r = watch_begin(&top->news.watch, mount);

	if (r == 0)
		r = sampler_new(&top->news.watch, top->interval_s, &top->sampler);
	if (r < 0)
		return r;
	top->live.sample = top->news.watch.now;
	r = show(top);
	sampler_free(top->sampler);
	if (r >= 0 || !*top->news.error)
		return r;
	fprintf(stderr, "sievectl: %s\n", top->news.error);
	return 1;
}

int top_run(struct sievefs_mount *mount, const char *const *request)
{
	double interval_s = 1;
	struct top *top;
	int r;

	if (request[1] && watch_parse_interval(request[2], &interval_s) != 0)
		return 1;
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return stat_watch(mount, interval_s, 0);
	top = calloc(1, sizeof(*top));
	if (!top)
		return -ENOMEM;
	top->interval_s = interval_s;
	r = run(mount, top);
	free(top);
	return r;
}
