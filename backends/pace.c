#include "backends/pace.h"

bool pace_is_quick(const struct pace *pace, uint64_t now_ns)
{
	uint64_t moved_ns = pace->moved_ns;

	if (now_ns < pace->slow_until_ns)
		return false;
	return !pace->writing || now_ns < moved_ns || now_ns - moved_ns < PACE_SLOW_NS;
}

void pace_begin(struct pace *pace, uint64_t now_ns)
{
	if (pace->writing++ == 0)
		pace->moved_ns = now_ns;
}

void pace_end(struct pace *pace, uint64_t began_ns, uint64_t now_ns)
{
	uint64_t rest_ns = 0;

	if (now_ns - began_ns >= PACE_SLOW_NS) {
		rest_ns = pace->rest_ns ? 2 * pace->rest_ns : PACE_REST_MIN_NS;
		if (rest_ns > PACE_REST_MAX_NS)
			rest_ns = PACE_REST_MAX_NS;
		pace->slow_until_ns = now_ns + rest_ns;
	}
	if (pace->rest_ns != rest_ns)
		pace->rest_ns = rest_ns;
	pace->moved_ns = now_ns;
	pace->writing--;
}

void pace_elsewhere(struct pace *pace, uint64_t began_ns, uint64_t now_ns)
{
	if (now_ns - began_ns >= PACE_SLOW_NS)
		pace->slow_until_ns = now_ns + PACE_REST_MIN_NS;
}
