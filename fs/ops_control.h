/* ops_control - the control file, .sievefs in the mount's root: requests for it do not reach the backing
 * tree. */
#pragma once

#include <stdint.h>

/* Its inode number. */
#define CONTROL_NODEID UINT64_MAX

struct fuse_lowlevel_ops;

/* Wraps the operations in ops, so that requests for the control file are answered here. */
void control_route(struct fuse_lowlevel_ops *ops);
