/* The command top in a build without ncurses. */
#include "tools/sievectl/top.h"

#include <stdio.h>

int top_run(struct sievefs_mount *mount, const char *const *request)
{
	(void)mount;
	(void)request;
	fputs("sievectl: top: this sievectl was built without ncurses, which draws the screen; sievectl stat "
	      "-i 1 prints "
	      "lines\n",
		stderr);
	return 1;
}
