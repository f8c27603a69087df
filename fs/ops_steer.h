/* The ioctl(2) of fs/control/file_request.h: who may ask what of which file. */
#pragma once

#include "fs/op.h"

/* ino: of the open file or directory. */
void op_steer(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, const void *in, size_t in_size,
	size_t out_size);
/* What the mount did, for whoever may open anything of it. */
void op_sum_up(fuse_req_t req, const void *in, size_t in_size, size_t out_size);
