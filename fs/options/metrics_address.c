#include "fs/options/metrics_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>

#include "fs/options/option_value.h"

#define UNIX_PREFIX "unix:"
#define PORT_MAX 65535

const char *metrics_address_path(const char *text)
{
	return g_str_has_prefix(text, UNIX_PREFIX) ? text + strlen(UNIX_PREFIX) : NULL;
}

static int parse_path(const char *path, struct metrics_address *address)
{
	struct sockaddr_un *un = &address->socket.un;

	if (!*path)
		return -EINVAL;
	if (strlen(path) >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path) + 1);
	address->length = sizeof(*un);
	return 0;
}

static int parse_ip4(const char *host, in_port_t port, struct metrics_address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->socket.storage;

	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return -EINVAL;
	in->sin_family = AF_INET;
	in->sin_port = port;
	address->length = sizeof(*in);
	return ntohl(in->sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET ? 0 : -EPERM;
}

static int parse_ip6(const char *host, in_port_t port, struct metrics_address *address)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)&address->socket.storage;

	if (inet_pton(AF_INET6, host, &in->sin6_addr) != 1)
		return -EINVAL;
	in->sin6_family = AF_INET6;
	in->sin6_port = port;
	address->length = sizeof(*in);
	return IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) ? 0 : -EPERM;
}

int metrics_address_parse(const char *text, struct metrics_address *address)
{
	const char *path = metrics_address_path(text), *colon = strrchr(text, ':');
	g_autofree char *host = NULL;
	uint64_t port;
	size_t length;

	memset(address, 0, sizeof(*address));
	if (path)
		return parse_path(path, address);
	if (!colon || value_parse_uint(colon + 1, &port) < 0 || port == 0 || port > PORT_MAX)
		return -EINVAL;
	length = (size_t)(colon - text);
	if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
		host = g_strndup(text + 1, length - 2);
		return parse_ip6(host, htons((uint16_t)port), address);
	}
	host = g_strndup(text, length);
	return parse_ip4(host, htons((uint16_t)port), address);
}
