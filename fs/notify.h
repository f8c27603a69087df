/*
 * notify - reports the state of the mount to the service manager, as sd_notify(3) does: by a datagram to the
 * socket in the environment variable NOTIFY_SOCKET.
 */
#pragma once

#include <stdint.h>

/* Sends @state: "READY=1", "STOPPING=1" or "WATCHDOG=1". 0, also if NOTIFY_SOCKET is not set, or -errno. */
int notify_send(const char *state);

/* The longest time between two WATCHDOG=1 that the manager accepts from this process, in microseconds; 0: it
 * expects none. */
uint64_t notify_watchdog_us(void);
