/* kernel - chooses, before the mount, which kernel features are used: by options, privileges and machine. */
#pragma once

struct server;
struct store;

/* 0 or -errno, after logging the reason. */
int kernel_choose_transport(struct server *server);
int kernel_choose_passthrough(struct server *server);
/* *store: the store of pinned files, owned by the caller; NULL: files are copied. */
int kernel_choose_store(struct server *server, struct store **store);

/* Logs which features are missing. Call once the mount is certain, so that a refused mount logs only its
 * reason. */
void kernel_say_what_is_missing(const struct server *server);

/* Logs what was chosen. Call once the mount answers. */
void kernel_say_what_was_chosen(struct server *server);
