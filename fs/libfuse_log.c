#include "fs/libfuse_log.h"

#include <stdbool.h>
#include <stdio.h>

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <fuse_lowlevel.h>

#include "cache/base/log.h"

static struct {
	bool mounted;
	char text[256];
} said;

static void take_line(enum fuse_log_level level, const char *format, va_list args)
{
	if (level > FUSE_LOG_ERR)
		return;
	if (said.mounted)
		log_vwrite(LOG_LEVEL_WARNING, format, args);
	else
		vsnprintf(said.text, sizeof(said.text), format, args);
}

void libfuse_log_begin(void)
{
	fuse_set_log_func(take_line);
}

void libfuse_log_mounted(void)
{
	said.mounted = true;
}

const char *libfuse_log_reason(void)
{
	return said.text;
}
