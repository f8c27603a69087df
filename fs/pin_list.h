/*
 * pin_list - the files that were pinned by name: by sievectl pin, and by the file of the option pins=.
 *
 * Such a file is cached whatever the policy says, and stays until it is unpinned or loses its last name; who
 * takes its name over, as editors do, takes over the pin. INODE_PINNED says so to those who open it.
 *
 * The option's file has one path a line, from the mount's root, with \n, \\ and the like as in C. It is
 * written anew, beside itself, soon after a change. Paths that are not there are kept in it.
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
	GHashTable *paths;    /* of struct inode, each with a reference: the path as it was pinned, owned */
	GPtrArray *waiting;   /* paths of the option's file that were not looked up yet, or are not there */
	_Atomic bool changed; /* since it was written */
	GString *written;     /* what it then was; this and the next: the ticker's */
	bool failing;         /* the last try to write it failed, which was said */
};

/* Reads the option's file, if there is one. 0 or -errno, which was said. */
int pin_list_start(struct server *server);
/* Once the mount answers: looks the paths up and has the files brought in. */
void pin_list_look_up(struct server *server);
/* Writes the option's file if that is due. */
void pin_list_save(struct server *server);
/* Saves, and forgets all. */
void pin_list_stop(struct server *server);

/* 0 or -errno: -EFBIG where the file is larger than its part of the cache. */
int pin_list_add(struct server *server, struct inode *inode);
/* 0, or -ENOENT: it was not pinned. */
int pin_list_remove(struct server *server, struct inode *inode);

/* Some file or directory was renamed. */
void pin_list_renamed(struct server *server);
/* A name is gone; new_dir, new_name: the one that replaced it, or NULL. */
void pin_list_left(struct server *server, const struct tree_leaving *leaving, struct inode *new_dir,
	const char *new_name);
