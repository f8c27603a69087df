#include "tests/support/volume.h"
#include "tests/support/suite.h"

void volume_make(const char *dir, const char *point, const char *size)
{
	char output[1024];

	if (shell(output, sizeof(output),
		    "mkdir -p %s %s && truncate -s %s %s/image && mkfs.ext4 -q -F -m0 -b4096 %s/image && "
		    "mount -o loop %s/image %s",
		    dir, point, size, dir, dir, dir, point))
		SKIP_TEST("no ext4 of the test's own: %s", output);
}
