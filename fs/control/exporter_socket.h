/* exporter_socket - the listening socket of the exporter. */
#pragma once

#include "fs/options/metrics_address.h"

#include <sys/stat.h>

/* Identifies a Unix socket by its inode, so that only this one is removed later. */
struct exporter_place {
	char *path; /* owned; NULL: no path */
	dev_t device;
	ino_t inode;
};

/*
 * Listens at @address and fills in @place. Returns the descriptor, or -errno with one line in @error, which
 * the caller frees. A Unix socket gets mode 0660 and replaces one that no process listens at; any other file
 * at its path is an error. If another process listens at the address, waits up to two seconds for it to end,
 * as it does when it has just been unmounted.
 */
int exporter_socket_listen(const struct metrics_address *address, struct exporter_place *place, char **error);

/* Removes the socket's name, unless that leads to another file by now. */
void exporter_socket_remove(struct exporter_place *place);
