#include "fs/preferred_lane.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fs/bind.h"
#include "fs/options/generic_options.h"

/*
 * Whether the open truncates the file, or insists on creating it. Such a file is written as a stream, even if
 * it is to be read back (O_RDWR: rsync, linkers, temporary files). A database is opened, or created if need
 * be.
 */
static bool is_made_anew(int flags)
{
	return flags & (O_TRUNC | O_EXCL) || (flags & O_TMPFILE) == O_TMPFILE;
}

bool preferred_lane_is_in_place(int flags)
{
	return (flags & O_ACCMODE) == O_RDWR && !(flags & O_APPEND) && !is_made_anew(flags);
}

/* Read once, so that an open uses the same values throughout. */
static struct classify_limits limits_now(const struct server *server)
{
	struct classify_limits limits = server->limits;
	uint64_t small_max = server->live.small_max;

	limits.large_min = server->live.large_min;
	limits.small_max = MIN(small_max, limits.large_min); /* they may be changed in between */
	return limits;
}

static void ask_policy(struct opening *o, int flags, bool random)
{
	const struct classify_limits limits = limits_now(o->server);
	bool anew = is_made_anew(flags), appends = flags & O_APPEND,
	     in_place = preferred_lane_is_in_place(flags);
	const struct file_facts facts = {
		.size = o->stx.stx_size,
		.writes = o->writes,
		.in_place = in_place,
		.grows = o->writes && o->stx.stx_size == 0 && (anew || !appends) &&
			 !(in_place && limits.stream),
		.random = random,
		.privileged_bits = o->handle->privileged_bits,
	};

	o->small_max = limits.small_max;
	o->class = class_of(&limits, &facts);
	o->preferred = lane_of_class(&limits, o->class, o->writes);
}

static void ask_rules(struct opening *o)
{
	struct server *server = o->server;
	struct rule_decision *rule = &o->rule;
	bool privileged_write = o->writes && o->handle->privileged_bits; /* keeps the lane that it needs */

	if (!server->options.rules)
		return;
	live_rules_ask(&server->live_rules, server->tree, server->options.source, o->handle->inode, &o->stx,
		o->writes, rule);
	if (!rule->has_lane || privileged_write)
		return;
	o->preferred = rule->lane;
	if (o->writes && rule->lane == LANE_CACHED)
		o->preferred = LANE_PLAIN;
}

/* A pin by name takes precedence over the rules and the file's size. */
static void follow_pin(struct opening *o)
{
	if (!inode_is(o->handle->inode, INODE_PINNED) || (o->writes && o->handle->privileged_bits))
		return;
	o->rule.pin = true;
	o->rule.has_lane = true;
	o->rule.lane = LANE_CACHED;
	o->preferred = o->writes ? LANE_PLAIN : LANE_CACHED;
}

/* With write=through or the mount option sync each write must be on the disk when it returns. When the kernel
 * passes a write through, only the flags of the open decide on that: so the daemon makes the writes. */
static void see_each_write(struct opening *o)
{
	const struct server *server = o->server;
	bool through = o->rule.has_write ? o->rule.through : server->live.write == WRITE_THROUGH;
	bool sees = through || server->options.generic_flags & GENERIC_SYNC;

	o->handle->through = through && o->writes;
	if (o->writes && lane_is_of_kernel(o->preferred) && server->passthrough && sees)
		o->preferred = LANE_DIRECT;
}

void preferred_lane_set(struct opening *o, int flags, bool is_probe)
{
	o->handle->privileged_bits = (o->stx.stx_mode & (S_ISUID | S_ISGID)) != 0;
	ask_policy(o, flags, inode_is(o->handle->inode, INODE_RANDOM) && !is_probe);
	ask_rules(o);
	follow_pin(o);
	see_each_write(o);
}
