#include "tests/support/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/support/suite.h"

int source_move_base(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s/%s", config.base, name);
	if (mkdir(path, 0755))
		return -errno;
	strcpy(config.base, path);
	return 0;
}

/* On overlayfs nothing can be opened by handle: the daemon reaches files by their names. */
static int move_onto_overlay(void)
{
	char options[3 * PATH_MAX], upper[PATH_MAX], work[PATH_MAX];
	int r;

	snprintf(upper, sizeof(upper), "%.3000s/upper", config.base);
	snprintf(work, sizeof(work), "%.3000s/work", config.base);
	if (mkdir(upper, 0755) || mkdir(work, 0755))
		return -errno;
	r = source_move_base("overlay");
	snprintf(options, sizeof(options), "lowerdir=%.3000s,upperdir=%.3000s,workdir=%.3000s", config.base,
		upper, work);
	return r == 0 && mount("none", config.base, "overlay", 0, options) ? -errno : r;
}

/* 0, or what the command says. */
static int make(const char *image, char *output, size_t size)
{
	const char *type = config.source;

	if (!strcmp(type, "tmpfs"))
		return shell(output, size, "mount -t tmpfs -o size=512M none '%s'", config.base);
	if (config.fuse) /* one that caches nothing, and keeps no names and attributes */
		return shell(output, size,
			"mkdir '%s' && '%s' -o admit=0,passthrough=off,transport=dev,large=plain,"
			"entry_timeout=0,attr_timeout=0 '%s' '%s'",
			image, getenv("SIEVEFS"), image, config.base);
	return shell(output, size, "truncate -s 512M '%s' && mkfs.%s -q '%s' && mount -o loop '%s' '%s'",
		image, type, image, image, config.base);
}

int source_move_onto(void)
{
	char image[PATH_MAX], output[1024];
	int r;

	if (!config.source)
		return 0;
	snprintf(image, sizeof(image), "%.3000s/image", config.base);
	r = config.overlay ? move_onto_overlay() : source_move_base("disk");
	if (r) {
		fprintf(stderr, "no file system of the test's own: %s\n", strerror(-r));
		return 1;
	}
	if (!config.overlay && make(image, output, sizeof(output))) {
		printf("SKIP: no %s of the test's own: %s\n", config.source, output);
		return SOURCE_SKIPPED;
	}
	return 0;
}
