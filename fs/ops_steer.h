/* ops_steer - the ioctl(2)s of fs/control/file_request.h, with the check of who may ask for what. */
#pragma once

#include "fs/op.h"

/* Answers FILE_REQUEST_IOCTL. ino: the inode of the open file or directory. */
void op_steer(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, const void *in, size_t in_size,
	size_t out_size);
/* Answers MOUNT_REQUEST_IOCTL. Permitted to everyone who can open a file of the mount. */
void op_sum_up(fuse_req_t req, const void *in, size_t in_size, size_t out_size);
