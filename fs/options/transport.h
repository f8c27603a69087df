/*
 * transport - chooses whether requests come over io_uring or /dev/fuse, and says why.
 *
 * Pure. Over io_uring each CPU has one thread, which also does lookups, attributes and opens: while one of
 * these waits for SOURCE, all other requests of that CPU wait, and so do replies to them. Over /dev/fuse
 * another thread serves them. So transport=auto chooses io_uring only if SOURCE is a local file system.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backends/fstype.h"
#include "fs/options/options.h"

#define TRANSPORT_URING_SWITCH "/sys/module/fuse/parameters/enable_uring"

struct transport_facts {
	enum option_transport option;
	const struct fstype *source; /* the file system of SOURCE's root directory */
	bool libfuse_is_safe;        /* this libfuse loses no replies over io_uring */
	bool switched_on;            /* the kernel supports FUSE over io_uring, and it is turned on */
	unsigned cpus;               /* number of CPUs; each has a queue */
	unsigned depth;              /* option uring_depth: requests per queue; 0: automatic */
	uint64_t memory;             /* bytes, of the machine or of the memory cgroup */
};

/*
 * Requests per queue: fewer on machines with many CPUs, and such that their buffers take at most an eighth of
 * memory, but at least two.
 */
unsigned transport_depth(const struct transport_facts *facts);

/* 0 and *uring, or -EOPNOTSUPP if transport=uring is not possible. *why is set in both cases; the caller
 * frees it with g_free(). */
int transport_choose(const struct transport_facts *facts, bool *uring, char **why);
