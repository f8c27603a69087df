#include "tools/bench/bench_names.h"

#include "cache/base/clock.h"
#include "tools/bench/bench_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void create_one(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		fail("%s: %s", name, strerror(errno));
	close(fd);
}

static void rename_one(const char *name)
{
	char renamed[PATH_MAX];

	if (snprintf(renamed, sizeof(renamed), "%s.renamed", name) >= (int)sizeof(renamed) ||
		rename(name, renamed) < 0)
		fail("%s: %s", name, strerror(errno));
}

static void unlink_one(const char *name)
{
	char renamed[PATH_MAX];

	if (snprintf(renamed, sizeof(renamed), "%s.renamed", name) >= (int)sizeof(renamed) ||
		unlink(renamed) < 0)
		fail("%s: %s", renamed, strerror(errno));
}

void bench_names_make(const char *directory, unsigned count)
{
	static const struct {
		const char *name;
		void (*run)(const char *name);
	} steps[] = {{"create", create_one}, {"rename", rename_one}, {"unlink", unlink_one}};
	char name[PATH_MAX];

	for (size_t step = 0; step < sizeof(steps) / sizeof(*steps); step++) {
		int64_t began_ns = clock_now_ns();

		for (unsigned i = 0; i < count; i++) {
			if (snprintf(name, sizeof(name), "%s/%u", directory, i) >= (int)sizeof(name))
				fail("%s: too long", directory);
			steps[step].run(name);
		}
		printf("%s_us=%.3f\n", steps[step].name, (double)(clock_now_ns() - began_ns) / count / 1e3);
	}
}
