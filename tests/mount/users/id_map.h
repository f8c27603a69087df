/*
 * id_map - users and groups as a user namespace, or an idmapped mount, shows them.
 */
#pragma once

#include <sys/types.h>

/* Gives the new user namespace of a child its users and groups: lines of "inside outside count". */
void id_map_write(pid_t child, const char *map);

/*
 * Binds `from`, and nothing mounted below it, to `to`, where the user and group `inside` of `from` are
 * `outside`. 0, or -1 with errno: this kernel, or the file system of `from`, does not do that.
 */
int bind_idmapped(const char *from, const char *to, const char *map);
