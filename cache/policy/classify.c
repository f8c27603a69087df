#include "cache/policy/classify.h"

const char *const lane_names[LANE_COUNT] = {
	[LANE_CACHED] = "cached",
	[LANE_PLAIN] = "plain",
	[LANE_DIRECT] = "direct",
	[LANE_TRAILED] = "trailed",
	[LANE_CACHED_WRITE] = "cached-write",
	[LANE_SERVED] = "served",
};

const char *const class_names[CLASS_COUNT] = {
	[CLASS_PRIVILEGED] = "privileged",
	[CLASS_RANDOM] = "random",
	[CLASS_LARGE] = "large",
	[CLASS_GROWING] = "growing",
	[CLASS_MID] = "mid",
	[CLASS_SMALL] = "small",
};

enum file_class class_of(const struct classify_limits *limits, const struct file_facts *facts)
{
	if (facts->writes && facts->privileged_bits)
		return CLASS_PRIVILEGED;
	if (facts->size >= limits->large_min && limits->stream && (facts->in_place || facts->random))
		return CLASS_RANDOM;
	if (facts->size >= limits->large_min)
		return CLASS_LARGE;
	if (facts->grows)
		return CLASS_GROWING;
	return facts->size > limits->small_max ? CLASS_MID : CLASS_SMALL;
}

enum lane lane_of_class(const struct classify_limits *limits, enum file_class class, bool writes)
{
	switch (class) {
	case CLASS_PRIVILEGED:
		return LANE_DIRECT; /* each write request says whether the bits must be cleared */
	case CLASS_RANDOM:
		return LANE_PLAIN;
	case CLASS_LARGE:
		return writes ? limits->large_write : limits->large;
	case CLASS_GROWING:
		return limits->large_write; /* an open file cannot change to this lane later */
	case CLASS_MID:
		return limits->mid;
	default:
		return writes ? LANE_PLAIN : LANE_CACHED;
	}
}

enum lane classify(const struct classify_limits *limits, const struct file_facts *facts)
{
	return lane_of_class(limits, class_of(limits, facts), facts->writes);
}
