/*
 * libfuse - sets up libfuse for a mount: the operations, the features requested from the kernel, the mount
 * options.
 */
#pragma once

struct fuse_session;
struct server;

#define LIBFUSE_MAX_WRITE (1 << 20) /* bytes, the largest request */

/* Returns a session, which the caller destroys and which server must outlive; NULL if libfuse refuses the
 * options, after logging the reason. At FUSE_INIT the session ends, with server->failed set, if the kernel
 * lacks a feature that the options demand. */
struct fuse_session *libfuse_session_new(struct server *server);
