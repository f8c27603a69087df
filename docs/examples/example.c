/*
 * Brings files into the cache of their sievefs mount, waits until that is done, and prints the state of each
 * file and counters of the mount.
 *
 *	cc example.c $(pkg-config --cflags --libs libsievefs) -o example
 *	./example FILE...
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sievefs.h>

static int warm(const char *path)
{
	struct sievefs_file file;
	int r = sievefs_warm_at(AT_FDCWD, path, &file);

	while (r == 0 && file.flags & SIEVEFS_FILLING) {
		usleep(1000);
		r = sievefs_state_at(AT_FDCWD, path, &file);
	}
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, sievefs_file_error(r));
		return r;
	}
	printf("%s: lane %s since %s, cache %s\n", path, file.lane, file.why, file.cache);
	return 0;
}

static int print_sums(const char *path)
{
	struct sievefs_mount *mount = NULL;
	struct sievefs_sums sums;
	int r = sievefs_mount_open(path, &mount);

	if (r == 0)
		r = sievefs_mount_sums(mount, &sums);
	if (r == 0)
		printf("%s: %" PRIu64 " files of %" PRIu64 " bytes cached, %" PRIu64 " hits and %" PRIu64
		       " misses\n",
			sievefs_mount_root(mount), sums.cached_files, sums.cached_bytes, sums.hits,
			sums.misses);
	else if (mount)
		fprintf(stderr, "%s\n", sievefs_mount_error(mount));
	sievefs_mount_close(mount);
	return r;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	for (int i = 1; i < argc; i++)
		failed |= warm(argv[i]) < 0;
	if (argc > 1)
		failed |= print_sums(argv[1]) < 0;
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
