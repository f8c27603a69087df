#include "tests/support/volume.h"
#include "tests/support/suite.h"
#include <string.h>

void volume_make(const char *dir, const char *point, const char *type, const char *size)
{
	char output[1024];

	if (shell(output, sizeof(output),
		    "mkdir -p %s %s && truncate -s %s %s/image && mkfs.%s -q %s %s/image && "
		    "mount -o loop %s/image %s",
		    dir, point, size, dir, type, strcmp(type, "ext4") ? "" : "-F -m0 -b4096", dir, dir,
		    point))
		SKIP_TEST("no %s of the test's own: %s", type, output);
}
