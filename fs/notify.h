/*
 * notify - tells the service manager how the mount stands, by the protocol of sd_notify(3): a datagram to the
 * socket that the environment's NOTIFY_SOCKET names.
 */
#pragma once

/* Sends @state, "READY=1" or "STOPPING=1". 0, also where nobody asked to be told, or -errno. */
int notify_send(const char *state);
