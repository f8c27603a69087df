/*
 * pin_list - the files that are pinned by name: by sievectl pin, or listed in the file of the option pins=.
 *
 * Such a file is cached whatever the policy says, until it is unpinned or loses its last name. A file that
 * replaces it under its name, as editors do, inherits the pin. INODE_PINNED marks such inodes for opens.
 *
 * The option's file has one path a line, relative to the mount's root, with \n, \\ and the like as in C. It
 * is replaced (written beside itself and renamed) soon after a change. Paths that do not exist are kept in
 * it.
 */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>

struct inode;
struct server;
struct tree_leaving;

struct pin_list {
	pthread_mutex_t lock;
	GHashTable *paths;  /* of struct inode, each with a reference: the path as it was pinned, owned */
	GPtrArray *waiting; /* paths of the option's file that have not been looked up yet, or do not exist */
	_Atomic bool changed; /* since the option's file was written */
	GString *written;     /* its contents then; this and the next: used by the ticker only */
	bool failing;         /* the last attempt to write it failed, and that was logged */
};

/* Reads the option's file, if the option is set. 0 or -errno, after logging the reason. */
int pin_list_start(struct server *server);
/* Looks the paths up and queues fills. Call once the mount answers. */
void pin_list_look_up(struct server *server);
/* Writes the option's file if there was a change. */
void pin_list_save(struct server *server);
/* Saves, and frees the list. */
void pin_list_stop(struct server *server);

/* Pins the file. 0 or -errno; -EFBIG if it is larger than the part of the cache that one file may take. */
int pin_list_add(struct server *server, struct inode *inode);
/* Unpins the file. 0, or -ENOENT if it was not pinned. */
int pin_list_remove(struct server *server, struct inode *inode);

/* Call after the rename of any file or directory. */
void pin_list_renamed(struct server *server);
/* A name was removed. new_dir, new_name: what took its place, or NULL. */
void pin_list_left(struct server *server, const struct tree_leaving *leaving, struct inode *new_dir,
	const char *new_name);
