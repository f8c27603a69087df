/*
 * clock - the time, as whole numbers. Units are in the names.
 *
 * clock_now_*() measure durations: CLOCK_MONOTONIC, from an arbitrary origin. clock_coarse_*() are the same
 * as of the last timer tick, up to 10 ms old and several times cheaper: for deadlines of a tenth of a second
 * and more. clock_wall_*() are since 1970 and may jump: only to be compared with the times of files. A coarse
 * time is never compared with an exact one.
 */
#pragma once

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_MS 1000000ll
#define CLOCK_NS_PER_S 1000000000ll

/* Any clock of clock_gettime(2), such as a thread's CPU time. */
static inline int64_t clock_read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

static inline int64_t clock_now_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

static inline int64_t clock_now_us(void)
{
	return clock_now_ns() / 1000;
}

static inline int64_t clock_now_ms(void)
{
	return clock_now_ns() / CLOCK_NS_PER_MS;
}

static inline int64_t clock_coarse_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC_COARSE);
}

static inline int64_t clock_coarse_ms(void)
{
	return clock_coarse_ns() / CLOCK_NS_PER_MS;
}

static inline int64_t clock_wall_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

/* As of the last timer tick, which is what the kernel stamps files with. */
static inline int64_t clock_wall_coarse_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME_COARSE);
}

/* As pthread_cond_timedwait(3) and clock_nanosleep(2) want it; time_ns is not negative. */
static inline struct timespec clock_timespec(int64_t time_ns)
{
	return (struct timespec){.tv_sec = time_ns / CLOCK_NS_PER_S, .tv_nsec = time_ns % CLOCK_NS_PER_S};
}
