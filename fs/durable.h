/*
 * durable - what a mount with the option sync or dirsync, or write=through, has on the disk before it
 * answers.
 *
 * The kernel tells of single writes only: all else that changes a file or a directory calls here, after the
 * change and before the reply. Without the options each of them is a comparison and no more. 0 or -errno.
 */
#pragma once

struct handle;
struct inode;
struct server;

/* Names in the directory were made, moved or removed. */
int durable_names(struct server *server, struct inode *dir);

/* The bytes or the size of the file that fd is open on. */
int durable_bytes(struct server *server, int fd);

/* The same, changed by way of this handle. */
int durable_change(struct server *server, const struct handle *handle, int fd);

/* Its extended attributes. */
int durable_inode(struct server *server, struct inode *inode);
