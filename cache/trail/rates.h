/*
 * rates - how fast streams on each device can be, by the fastest one measured lately.
 *
 * Most programs read and write at a pace of their own, which says nothing of the device: a slower measurement
 * lets the rate fade, by one part in RATES_FADE of the difference.
 *
 * Pure; a bounded number of devices, of which one that is measured anew may displace another. Bytes a second.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { RATES_DEVICES = 16, RATES_FADE = 64 };

struct rate {
	dev_t device;
	uint64_t rate; /* 0: none */
	bool exceeded;
};

/* Zeroed memory knows none. */
struct rates {
	struct rate devices[RATES_DEVICES];
};

void rates_note(struct rates *rates, dev_t device, uint64_t rate);
/* 0 where none was measured. */
uint64_t rates_of(const struct rates *rates, dev_t device);

/* Notes that streams had more in the page cache than they may. rates_take_exceeded() returns that once. */
void rates_exceeded(struct rates *rates, dev_t device);
bool rates_take_exceeded(struct rates *rates, dev_t device);
