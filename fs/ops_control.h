/* The mount's own file, .sievefs in its root: requests to it do not reach the backing tree. */
#pragma once

#include <stdint.h>

/* Its inode number. */
#define CONTROL_NODEID UINT64_MAX

struct fuse_lowlevel_ops;

/* Puts the file in front of the operations that ops holds. */
void control_route(struct fuse_lowlevel_ops *ops);
