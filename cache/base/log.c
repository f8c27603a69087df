#include "cache/base/log.h"

#include <paths.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

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

/* --- from a signal handler --------------------------------------------------------------------- */

struct line {
	char text[256];
	size_t length;
};

static void line_add(struct line *line, const char *text)
{
	while (*text && line->length < sizeof(line->text) - 1)
		line->text[line->length++] = *text++;
}

static void line_add_number(struct line *line, unsigned long number)
{
	char digits[24] = "", *at = digits + sizeof(digits) - 1;

	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	line_add(line, at);
}

/* Sends the datagram of syslog(3), which itself takes a lock. */
static void send_to_syslog(const struct line *line)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	(void)!sendto(fd, line->text, line->length, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		sizeof(address));
	close(fd);
}

void log_from_signal(const char *text)
{
	struct line line = {.length = 0};
	log_sink *sink = current_sink;

	if (sink == log_to_syslog) {
		line_add(&line, "<");
		line_add_number(&line, LOG_DAEMON | LOG_ERR);
		line_add(&line, ">sievefs[");
		line_add_number(&line, (unsigned long)getpid());
		line_add(&line, "]: ");
		line_add(&line, text);
		send_to_syslog(&line);
	} else if (sink == log_to_stderr) {
		line_add(&line, "sievefs: ");
		line_add(&line, text);
		line.text[line.length++] = '\n'; /* line_add() leaves room */
		(void)!write(STDERR_FILENO, line.text, line.length);
	}
}
