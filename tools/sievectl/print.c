#include "tools/sievectl/print.h"

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
