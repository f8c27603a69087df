#include "cache/trail/rates.h"

/* Its index, or -1. */
static int find(const struct rates *rates, dev_t device)
{
	for (int i = 0; i < RATES_DEVICES; i++) {
		const struct rate *known = &rates->devices[i];

		if ((known->rate || known->exceeded) && known->device == device)
			return i;
	}
	return -1;
}

static struct rate *find_or_make(struct rates *rates, dev_t device)
{
	int i = find(rates, device);
	struct rate *place = &rates->devices[i >= 0 ? i : (int)(device % RATES_DEVICES)];

	if (i < 0)
		*place = (struct rate){.device = device};
	return place;
}

void rates_note(struct rates *rates, dev_t device, uint64_t rate)
{
	struct rate *known = find_or_make(rates, device);

	known->rate = rate >= known->rate ? rate : known->rate - (known->rate - rate) / RATES_FADE;
}

uint64_t rates_of(const struct rates *rates, dev_t device)
{
	int i = find(rates, device);

	return i >= 0 ? rates->devices[i].rate : 0;
}

void rates_exceeded(struct rates *rates, dev_t device)
{
	find_or_make(rates, device)->exceeded = true;
}

bool rates_take_exceeded(struct rates *rates, dev_t device)
{
	int i = find(rates, device);
	bool exceeded = i >= 0 && rates->devices[i].exceeded;

	if (exceeded)
		rates->devices[i].exceeded = false;
	return exceeded;
}
