/*
 * libfuse - how libfuse is set up for a mount: the operations, what is asked of the kernel, its mount
 * options.
 */
#pragma once

struct fuse_session;
struct server;

#define LIBFUSE_MAX_WRITE (1 << 20) /* bytes of one request */

/* NULL where libfuse refuses the options; it has said why. The caller destroys it. The server must outlive
 * it. Sets server->failed and ends the session where the kernel can't do what the options demand. */
struct fuse_session *libfuse_session_new(struct server *server);
