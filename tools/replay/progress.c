#include "tools/replay/progress.h"

#include "cache/base/clock.h"
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { FIRST_US = 1000000, TERMINAL_US = 200000, LOG_US = 10000000 };

void progress_start(struct progress *p, const char *format, ...)
{
	va_list args;

	*p = (struct progress){.is_terminal = isatty(STDERR_FILENO), .next_us = clock_now_us() + FIRST_US};
	va_start(args, format);
	g_vsnprintf(p->title, sizeof(p->title), format, args);
	va_end(args);
}

void progress_tell(struct progress *p, const char *format, ...)
{
	int64_t now_us = clock_now_us();
	char text[128];
	va_list args;

	if (now_us < p->next_us)
		return;
	va_start(args, format);
	g_vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, p->is_terminal ? "\r%s: %s\033[K" : "%s: %s\n", p->title, text);
	p->next_us = now_us + (p->is_terminal ? TERMINAL_US : LOG_US);
	p->was_told = true;
}

void progress_end(struct progress *p)
{
	if (p->was_told && p->is_terminal)
		fputs("\r\033[K", stderr);
}
