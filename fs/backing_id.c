#include "fs/backing_id.h"

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 18)
#include <errno.h>
#include <fuse_lowlevel.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#include "fs/threads.h"
#include "fs/users/creds.h"

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

struct registration {
	struct fuse_session *session;
	int fd;
	int32_t id;
	sem_t done;
};

static void register_as_nobody(void *job, void *context)
{
	static __thread bool is_nobody;
	struct registration *registration = job;

	if (!is_nobody)
		creds_nobody_begin();
	is_nobody = true;
	registration->id = backing_id_open(registration->session, registration->fd);
	sem_post(&registration->done);
}

int registrar_new(struct pool **ret)
{
	return pool_new(&(struct pool_settings){"sieve-register", 1, register_as_nobody, NULL}, ret);
}

int32_t backing_id_open_as_nobody(struct pool *registrar, struct fuse_session *session, int fd)
{
	struct registration registration = {.session = session, .fd = fd};

	sem_init(&registration.done, 0, 0);
	pool_push(registrar, &registration);
	while (sem_wait(&registration.done) < 0 && errno == EINTR)
		;
	sem_destroy(&registration.done);
	return registration.id;
}

void backing_id_close(struct fuse_session *session, int32_t id)
{
	uint32_t value = (uint32_t)id;

	if (id > 0)
		ioctl(fuse_session_fd(session), BACKING_CLOSE, &value);
}
