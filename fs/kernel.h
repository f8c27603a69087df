/* kernel - what is used of the kernel's abilities: decided before the mount, by options, rights and machine.
 */
#pragma once

struct server;
struct store;

/* 0 or -errno, which was said. */
int kernel_choose_transport(struct server *server);
int kernel_choose_passthrough(struct server *server);
/* *store: to pin in, the caller's; NULL: to copy. */
int kernel_choose_store(struct server *server, struct store **store);

/* Once it is sure that there will be a mount: a refusal is one line. */
void kernel_say_what_is_missing(const struct server *server);

/* Once the mount answers. */
void kernel_say_what_was_chosen(struct server *server);
