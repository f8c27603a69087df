/*
 * durable - syncs changes before the reply, on mounts with sync, dirsync or write=through.
 *
 * The kernel marks only writes as synchronous. Every other operation that changes a file or directory calls
 * one of these functions after the change and before the reply. Without the options each costs one
 * comparison. They return 0 or -errno.
 */
#pragma once

struct handle;
struct inode;
struct server;

/* Syncs the directory after names in it were made, moved or removed. */
int durable_names(struct server *server, struct inode *dir);

/* Syncs the bytes and the size of the file that fd is open on. */
int durable_bytes(struct server *server, int fd);

/* The same after a change through this handle. */
int durable_change(struct server *server, const struct handle *handle, int fd);

/* Syncs the file after a change of its extended attributes. */
int durable_inode(struct server *server, struct inode *inode);
