/*
 * metrics_address - the value of the option metrics: where a mount serves its metrics.
 *
 * "unix:PATH", "127.0.0.1:PORT" or "[::1]:PORT". Nobody is asked for a password there, so that only addresses
 * of this machine are taken: a socket in the file system has permissions, and the loopback interface is
 * reached by local processes only. Pure.
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
	socklen_t length; /* of it, as bind(2) takes it */
};

/* 0; -EINVAL: none of the forms; -ENAMETOOLONG: no socket can have so long a path; -EPERM: an address that
 * other machines reach. */
int metrics_address_parse(const char *text, struct metrics_address *address);

static inline bool metrics_address_is_path(const struct metrics_address *address)
{
	return address->socket.any.sa_family == AF_UNIX;
}

/* PATH of "unix:PATH"; NULL where @text is of another form. */
const char *metrics_address_path(const char *text);
