/*
 * metrics_address - the value of the option metrics: where a mount serves its metrics.
 *
 * "unix:PATH", "127.0.0.1:PORT" or "[::1]:PORT". Clients need no password, so only addresses of this machine
 * are accepted: a Unix socket has permissions, and only local processes reach the loopback interface. Pure.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#define METRICS_ADDRESS_FORMS "unix:PATH, 127.0.0.1:PORT or [::1]:PORT"

struct metrics_address {
	union {
		struct sockaddr any;
		struct sockaddr_un un; /* its path ends with a NUL */
		struct sockaddr_storage storage;
	} socket;
	socklen_t length; /* of socket, for bind(2) */
};

/* 0, or -EINVAL: none of the forms; -ENAMETOOLONG: the path is too long for a socket; -EPERM: an address that
 * other machines can reach. */
int metrics_address_parse(const char *text, struct metrics_address *address);

static inline bool metrics_address_is_path(const struct metrics_address *address)
{
	return address->socket.any.sa_family == AF_UNIX;
}

/* PATH of "unix:PATH", a part of @text; NULL if @text has another form. */
const char *metrics_address_path(const char *text);
