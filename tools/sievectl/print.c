#include "tools/sievectl/print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int print_reply(struct sievefs_mount *mount, const char *const *request)
{
	char *reply = NULL;
	size_t length = 0;
	int r = sievefs_mount_request(mount, request, &reply, &length);

	if (r == 0) {
		fwrite(reply, 1, length, stdout);
		if (length > 0 && reply[length - 1] != '\n')
			putchar('\n');
	}
	free(reply);
	return r;
}

int print_failure(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("sievectl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return 1;
}
