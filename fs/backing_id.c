#include "fs/backing_id.h"

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <errno.h>
#include <fuse_lowlevel.h>
#include <sys/ioctl.h>

/* linux/fuse.h, since 6.9; the headers of older distributions lack them */
struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define BACKING_OPEN _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)

int32_t backing_id_open(struct fuse_session *session, int fd)
{
	struct backing_map map = {.fd = fd};
	int id = ioctl(fuse_session_fd(session), BACKING_OPEN, &map);

	if (id < 0)
		return -errno;
	return id > 0 ? id : -EINVAL;
}

void backing_id_close(struct fuse_session *session, int32_t id)
{
	uint32_t value = (uint32_t)id;

	if (id > 0)
		ioctl(fuse_session_fd(session), BACKING_CLOSE, &value);
}
