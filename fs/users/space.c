#include "fs/users/space.h"

#include <stdatomic.h>
#include <sys/vfs.h>

#include "cache/base/clock.h"
#include "fs/users/creds.h"

#define MARGIN (64ll << 20) /* for other writers, and for blocks that hold no data */
#define PART 8              /* one part in so many of the rest may be taken before free space is read again */
#define TRUSTED_MS 100      /* the longest time until it is read again */

bool space_is_short(struct space *space, uid_t uid, int fd, uint64_t bytes)
{
	int64_t room, needed = bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX;
	uint64_t now;
	struct statfs fs;

	if (!space->kept || uid == 0 || !creds_privileged())
		return false;
	now = clock_coarse_ms();
	if (now < atomic_load(&space->until_ms) && atomic_load(&space->room) >= needed) {
		atomic_fetch_sub(&space->room, needed);
		return false;
	}
	if (fstatfs(fd, &fs) < 0)
		return true;
	room = ((int64_t)fs.f_bavail * fs.f_bsize - MARGIN) / PART - needed;
	atomic_store(&space->room, room);
	atomic_store(&space->until_ms, now + TRUSTED_MS);
	return room < 0;
}

bool space_begin(struct space *space, uid_t uid, int fd, uint64_t bytes)
{
	if (!space_is_short(space, uid, fd, bytes))
		return false;
	creds_user_begin(uid);
	return true;
}

void space_end(bool begun)
{
	if (begun)
		creds_user_end();
}
