/*
 * transport - whether requests come over io_uring or /dev/fuse, and why.
 *
 * Pure. Over io_uring each CPU has one thread, and names, attributes and opens are looked up in it: while one
 * of these waits for SOURCE, everything else from that CPU waits too, and so do replies to it. Over /dev/fuse
 * libfuse starts a further thread. So io_uring is taken by itself only where nobody else can make SOURCE
 * wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backends/fstype.h"
#include "fs/options/options.h"

#define TRANSPORT_URING_SWITCH "/sys/module/fuse/parameters/enable_uring"

struct transport_facts {
	enum option_transport wish;
	const struct fstype *source; /* of the file system that SOURCE itself is on */
	bool libfuse_is_safe;        /* it loses no replies over io_uring */
	bool switched_on;            /* the kernel has FUSE over io_uring, and root turned it on */
	unsigned cpus;               /* each has a queue */
	unsigned depth;              /* requests per queue that were asked for; 0: by the host */
	uint64_t memory;             /* bytes, of the machine or of the memory cgroup */
};

/*
 * Requests per queue: fewer on large hosts, and so many that their buffers take no more than an eighth of
 * memory, but never less than two.
 */
unsigned transport_depth(const struct transport_facts *facts);

/* 0 and *uring, or -EOPNOTSUPP: what was asked for cannot be had. *why is set either way; the caller frees it
 * with g_free(). */
int transport_choose(const struct transport_facts *facts, bool *uring, char **why);
