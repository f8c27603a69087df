#include "cache/policy/classify.h"

const char *const lane_names[LANE_COUNT] = {
	[LANE_CACHED] = "cached",
	[LANE_PLAIN] = "plain",
	[LANE_DIRECT] = "direct",
	[LANE_TRAILED] = "trailed",
	[LANE_CACHED_WRITE] = "cached-write",
	[LANE_SERVED] = "served",
};

enum lane classify(const struct classify_limits *limits, const struct file_facts *facts)
{
	if (facts->writes && facts->privileged_bits)
		return LANE_DIRECT; /* the kernel tells the daemon with each write whether the bits go */
	if (facts->size >= limits->large_min && limits->stream && (facts->in_place || facts->random))
		return LANE_PLAIN;
	if (facts->size >= limits->large_min)
		return facts->writes ? limits->large_write : limits->large;
	if (facts->grows)
		return limits->large_write; /* an open file cannot change to this lane later */
	if (facts->size > limits->small_max)
		return limits->mid;
	return facts->writes ? LANE_PLAIN : LANE_CACHED;
}
