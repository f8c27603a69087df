#include "tools/sievectl/accesslog.h"

#include "tools/sievectl/listen.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define STEP 65536

int accesslog_run(struct sievefs_mount *mount, const char *const *request)
{
	int control = sievefs_mount_listen(mount, request);
	char text[STEP];
	ssize_t n;

	if (control < 0)
		return control;
	while ((n = listen_read(control, STDOUT_FILENO, text, sizeof(text))) > 0) {
		fwrite(text, 1, (size_t)n, stdout);
		if (fflush(stdout) != 0)
			break; /* main() reports it */
	}
	close(control);
	return n == -EPIPE ? 0 : n < 0 ? (int)n : 0;
}
