/*
 * notify - tells the service manager how the mount stands, by the protocol of sd_notify(3): a datagram to the
 * socket that the environment's NOTIFY_SOCKET names.
 */
#pragma once

#include <stdint.h>

/* Sends @state, "READY=1", "STOPPING=1" or "WATCHDOG=1". 0, also where nobody asked to be told, or -errno. */
int notify_send(const char *state);

/* How often the manager wants to hear WATCHDOG=1 of this process at least, in microseconds; 0: not at all. */
uint64_t notify_watchdog_us(void);
