#include "cache/policy/ways.h"

static struct way *find(struct ways *ways, uint64_t volume)
{
	struct way *free = &ways->volumes[volume % WAYS_VOLUMES];

	for (int i = 0; i < WAYS_VOLUMES; i++) {
		struct way *way = &ways->volumes[i];

		if (way->volume == volume)
			return way;
		if (!way->volume)
			free = way;
	}
	*free = (struct way){.volume = volume, .around = ways->around_first, .try_after = WAYS_TRY_MIN};
	return free;
}

static void note(uint64_t *rate, uint64_t now)
{
	if (now >= *rate)
		*rate = now;
	else if (now)
		*rate -= (*rate - now) / WAYS_FADE;
}

/* Both rates vary: without the distance between the two thresholds the way would alternate. */
static void decide(struct way *way)
{
	bool change = way->around ? way->trailed_rate > way->around_rate - way->around_rate / 8
				  : way->around_rate > way->trailed_rate + way->trailed_rate / 4;

	if (!change)
		return;
	way->around = !way->around;
	way->opens = 0;
	way->try_after = WAYS_TRY_MIN;
}

static bool is_try_due(const struct ways *ways, struct way *way)
{
	uint64_t present = way->around ? way->around_rate : way->trailed_rate;
	uint64_t other = way->around ? way->trailed_rate : way->around_rate;

	if (!present || (way->around && present < ways->around_min))
		return false;
	if (!other && !way->gave_up)
		return way->opens % WAYS_FIRST_TRY == 0;
	if (way->opens < way->try_after)
		return false;
	way->opens = 0;
	way->gave_up = false;
	if (way->try_after < WAYS_TRY_MAX)
		way->try_after *= 2;
	return true;
}

bool ways_choose(struct ways *ways, uint64_t volume, uint64_t trailed_rate, uint64_t around_rate)
{
	struct way *way = find(ways, volume);

	note(&way->trailed_rate, trailed_rate);
	note(&way->around_rate, around_rate);
	if (way->trailed_rate && way->around_rate && !way->gave_up)
		decide(way);
	way->opens++;
	return is_try_due(ways, way) ? !way->around : way->around;
}

bool ways_peek(const struct ways *ways, uint64_t volume)
{
	for (int i = 0; i < WAYS_VOLUMES; i++) {
		if (ways->volumes[i].volume == volume)
			return ways->volumes[i].around;
	}
	return ways->around_first;
}

void ways_exceeded(struct ways *ways, uint64_t volume)
{
	struct way *way = find(ways, volume);

	way->around = true;
	way->gave_up = true;
	way->opens = 0;
	if (way->try_after < WAYS_TRY_MAX)
		way->try_after *= 2;
}
