/*
 * log - what the daemon tells its operator.
 *
 * One state for the process. Lines go to stderr until the daemon is in the background, then to syslog. Any
 * thread may call; a line is written whole. A line names the file and the reason; per-request events are
 * counters, not lines.
 */
#pragma once

#include <stdarg.h>
#include <stdatomic.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Receives each line that passes the level, without a newline. */
typedef void log_sink(enum log_level level, const char *text);

log_sink log_to_stderr; /* the sink at start */
log_sink log_to_syslog;

void log_set_sink(log_sink *sink);
void log_set_level(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_vwrite(enum log_level level, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* An error that a signal handler writes: to stderr or to syslog, whichever the sink is; to no other sink.
 * Async-signal-safe, and cut after some 200 bytes. */
void log_from_signal(const char *text);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* As log_write, but only the first time that this line of code is reached: for changes of state. */
#define log_once(level, ...)                                         \
	do {                                                         \
		static atomic_flag log_once_said = ATOMIC_FLAG_INIT; \
		if (!atomic_flag_test_and_set(&log_once_said))       \
			log_write(level, __VA_ARGS__);               \
	} while (0)
