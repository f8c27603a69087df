#include "fs/options/transport.h"

#include <errno.h>
#include <glib.h>

#define REQUEST_BYTES (1ull << 20) /* size of the buffer that each request of a queue has */
#define DEPTH_MIN 2

static bool rings_fit(const struct transport_facts *facts, unsigned depth)
{
	return depth * facts->cpus * REQUEST_BYTES <= facts->memory / 8;
}

unsigned transport_depth(const struct transport_facts *facts)
{
	unsigned depth = facts->cpus <= 8 ? 8 : facts->cpus <= 32 ? 4 : 2;

	if (facts->depth)
		return facts->depth;
	while (depth > DEPTH_MIN && !rings_fit(facts, depth))
		depth /= 2;
	return depth;
}

/* Why io_uring can't be used; NULL if it can. */
static const char *obstacle(const struct transport_facts *facts)
{
	if (!facts->libfuse_is_safe)
		return "the libfuse that this sievefs was built with loses replies over io_uring";
	if (!facts->switched_on)
		return "FUSE over io_uring, which is faster, is off or unknown to this kernel; root turns it "
		       "on with: echo Y > " TRANSPORT_URING_SWITCH;
	return NULL;
}

static int choose_by_itself(const struct transport_facts *facts, bool *uring, char **why)
{
	if (!facts->source->local) {
		*why = g_strdup_printf(
			"SOURCE's file system is %s, which may wait for other machines or "
			"programs: over io_uring one such wait would block all requests of its CPU",
			facts->source->name);
		return 0;
	}
	if (!obstacle(facts) && !facts->depth && !rings_fit(facts, DEPTH_MIN)) {
		*why = g_strdup_printf("over io_uring the queues of %u processors would take more than an "
				       "eighth of memory",
			facts->cpus);
		return 0;
	}
	*uring = !obstacle(facts);
	*why = *uring ? g_strdup_printf("SOURCE's file system is %s, a local one", facts->source->name)
		      : g_strdup(obstacle(facts));
	return 0;
}

int transport_choose(const struct transport_facts *facts, bool *uring, char **why)
{
	*uring = false;
	if (facts->option == TRANSPORT_AUTO)
		return choose_by_itself(facts, uring, why);
	if (facts->option == TRANSPORT_URING && obstacle(facts)) {
		*why = g_strdup(obstacle(facts));
		return -EOPNOTSUPP;
	}
	*uring = facts->option == TRANSPORT_URING;
	*why = g_strdup("asked for");
	return 0;
}
