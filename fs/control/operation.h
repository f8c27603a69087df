/* operation - the FUSE operations that are timed, with their names in reports and logs. */
#pragma once

/* clang-format off */
/* All that have a reply; FORGET has none. */
#define OPERATIONS(OPERATION) \
	OPERATION(lookup) OPERATION(getattr) OPERATION(statx) OPERATION(setattr) OPERATION(readlink) \
	OPERATION(mknod) OPERATION(mkdir) OPERATION(symlink) OPERATION(link) OPERATION(unlink) \
	OPERATION(rmdir) OPERATION(rename) \
	OPERATION(open) OPERATION(create) OPERATION(tmpfile) OPERATION(read) OPERATION(write) \
	OPERATION(flush) OPERATION(release) OPERATION(fsync) OPERATION(fallocate) OPERATION(lseek) \
	OPERATION(copy_file_range) \
	OPERATION(opendir) OPERATION(readdir) OPERATION(readdirplus) OPERATION(releasedir) OPERATION(fsyncdir) \
	OPERATION(statfs) \
	OPERATION(setxattr) OPERATION(getxattr) OPERATION(listxattr) OPERATION(removexattr) OPERATION(ioctl) \
	OPERATION(getlk) OPERATION(setlk) OPERATION(flock)
/* clang-format on */

enum operation {
#define OPERATION(name) OPERATION_##name,
	OPERATIONS(OPERATION)
#undef OPERATION
		OPERATION_COUNT,
};

extern const char *const operation_names[OPERATION_COUNT];
