/* exporter_socket - the socket at which a mount's metrics are asked for. */
#pragma once

#include "fs/options/metrics_address.h"

#include <sys/stat.h>

/* What was bound to a path, to be known again when it is removed. */
struct exporter_place {
	char *path; /* owned; NULL: no path */
	dev_t device;
	ino_t inode;
};

/*
 * Listens at @address and fills @place: the descriptor, or -errno with one line in @error that the caller
 * frees. A socket in the file system has mode 0660; one that nobody listens at is replaced, anything else in
 * its place is left alone. Where another process listens it is waited for up to two seconds, in which a mount
 * that was unmounted just now ends.
 */
int exporter_socket_listen(const struct metrics_address *address, struct exporter_place *place, char **error);

/* Removes the socket's name, unless that belongs to something else by now. */
void exporter_socket_remove(struct exporter_place *place);
