#include "cache/base/log.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define LINE_MAX_BYTES 2048

static _Atomic(log_sink *) current_sink = log_to_stderr;
static _Atomic int current_level = LOG_LEVEL_INFO;

void log_to_stderr(enum log_level level, const char *text)
{
	const char *mark = level == LOG_LEVEL_WARNING ? "warning: " : "";

	/* One call, so that lines of two threads do not mix: stderr is unbuffered, but stdio locks it. */
	fprintf(stderr, "sievefs: %s%s\n", mark, text);
}

void log_to_syslog(enum log_level level, const char *text)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARNING] = LOG_WARNING,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};

	syslog(LOG_DAEMON | priorities[level], "%s", text);
}

void log_set_sink(log_sink *sink)
{
	if (sink == log_to_syslog)
		openlog("sievefs", LOG_PID, LOG_DAEMON);
	current_sink = sink;
}

void log_set_level(enum log_level level)
{
	current_level = level;
}

void log_vwrite(enum log_level level, const char *format, va_list args)
{
	char text[LINE_MAX_BYTES];
	size_t length;

	if ((int)level > current_level)
		return;
	vsnprintf(text, sizeof(text), format, args);
	length = strlen(text);
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	current_sink(level, text);
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_vwrite(level, format, args);
	va_end(args);
}
