#include "cache/store/store_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache/store/store_impl.h"

struct store_copy {
	struct store store;
	int dir_fd; /* root of the detached tmpfs, or -1 */
	int mount_error;
	_Atomic uint32_t last_id;
	unsigned most_memfds;
	_Atomic unsigned memfds;
};

#define NAME_SIZE 12
#define COPY_STEP (256 * 1024)

static struct store_copy *copies_of(const struct store *store)
{
	return (struct store_copy *)(uintptr_t)store;
}

static void name_of(const union store_place *place, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%x", place->copy);
}

static int mount_tmpfs(uint64_t limit)
{
	char size[24];
	int fs, mnt = -1, e;

	fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	snprintf(size, sizeof(size), "%llu", (unsigned long long)limit);
	fsconfig(fs, FSCONFIG_SET_STRING, "source", "sievefs-store", 0);
	fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0);
	fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "0", 0);
	fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0);
	/* 6.4; refused by older kernels, which may swap */
	fsconfig(fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0);
	/* large folios, none larger than the file: reads of 64 KiB are 1.6 times as fast (6.14) */
	fsconfig(fs, FSCONFIG_SET_STRING, "huge", "within_size", 0);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = fsmount(
			fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
	e = errno;
	close(fs);
	return mnt < 0 ? -e : mnt;
}

/* --- one copy --------------------------------------------------------------------------------- */

/* Creates an empty copy; returns a read-write descriptor of it. */
static int create(struct store_copy *store, union store_place *place)
{
	char name[NAME_SIZE];
	int fd;

	if (store->dir_fd < 0) {
		fd = memfd_create("sievefs-store", MFD_CLOEXEC);
		if (fd < 0)
			return -errno;
		place->copy = (uint32_t)(fd + 1);
		store->memfds++;
		return fd;
	}
	do {
		place->copy = ++store->last_id; /* the counter may have gone round */
		name_of(place, name);
		fd = openat(store->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0) {
		place->copy = 0;
		return -errno;
	}
	return fd;
}

static void copy_drop(struct store *base, union store_place *place)
{
	struct store_copy *store = copies_of(base);
	char name[NAME_SIZE];

	if (place->copy && store->dir_fd < 0) {
		close((int)place->copy - 1);
		store->memfds--;
	} else if (place->copy) {
		name_of(place, name);
		unlinkat(store->dir_fd, name, 0);
	}
	place->copy = 0;
}

int store_copy_open(struct store *base, const union store_place *place, int flags)
{
	struct store_copy *store = copies_of(base);
	char name[NAME_SIZE];
	int fd;

	if (store->dir_fd < 0)
		return (int)place->copy - 1;
	name_of(place, name);
	fd = openat(store->dir_fd, name, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void store_copy_close(struct store *base, int fd)
{
	if (fd >= 0 && copies_of(base)->dir_fd >= 0)
		close(fd);
}

static uint64_t copy_atime(struct store *base, const union store_place *place)
{
	struct store_copy *store = copies_of(base);
	char name[NAME_SIZE];
	struct stat st;

	name_of(place, name);
	if (store->dir_fd < 0 ? fstat((int)place->copy - 1, &st) < 0
			      : fstatat(store->dir_fd, name, &st, 0) < 0)
		return 0;
	return (uint64_t)st.st_atim.tv_sec * 1000000000 + (uint64_t)st.st_atim.tv_nsec;
}

static bool lease_refused(struct store *base, const union store_place *place, int lease)
{
	bool refused;
	int fd;

	if (copies_of(base)->dir_fd < 0)
		return false; /* a memfd is never registered for passthrough: no program can have it */
	fd = store_copy_open(base, place, O_RDONLY);
	if (fd < 0)
		return true;
	refused = fcntl(fd, F_SETLEASE, lease) < 0;
	if (!refused)
		fcntl(fd, F_SETLEASE, F_UNLCK);
	close(fd);
	return refused;
}

bool store_copy_in_use(struct store *store, const union store_place *place)
{
	return lease_refused(store, place, F_WRLCK);
}

bool store_copy_is_written(struct store *store, const union store_place *place)
{
	return lease_refused(store, place, F_RDLCK);
}

/* --- copying ---------------------------------------------------------------------------------- */

int64_t store_copy_write(int fd, const void *buf, size_t size, off_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, (const char *)buf + done, size - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return (int64_t)done;
}

int64_t store_copy_bytes(const struct store_source *source, int fd, uint64_t size)
{
	size_t step = size < COPY_STEP ? size : COPY_STEP;
	char *buf = malloc(step ? step : 1);
	uint64_t done = 0;
	int64_t n = buf ? 0 : -ENOMEM;

	while (n >= 0 && done < size) {
		n = source->read(source->ctx, buf, size - done < step ? size - done : step, done);
		if (n == 0)
			break;
		if (n > 0)
			n = store_copy_write(fd, buf, (size_t)n, (off_t)done);
		if (n > 0)
			done += (uint64_t)n;
	}
	free(buf);
	return n < 0 ? n : (int64_t)done;
}

static int64_t copy_fill(
	struct store *base, union store_place *place, const struct store_source *source, uint64_t size)
{
	int fd = create(copies_of(base), place);
	int64_t n = fd < 0 ? fd : store_copy_bytes(source, fd, size);

	store_copy_close(base, fd);
	if (n != (int64_t)size)
		copy_drop(base, place);
	return n;
}

/* --- life ------------------------------------------------------------------------------------- */

int store_copy_mount_error(const struct store *store)
{
	return copies_of(store)->mount_error;
}

static unsigned copy_descriptors(const struct store *store)
{
	return copies_of(store)->memfds;
}

static bool copy_is_full(const struct store *base)
{
	const struct store_copy *store = copies_of(base);

	return store->most_memfds && store->memfds >= store->most_memfds;
}

static void copy_free(struct store *base)
{
	struct store_copy *store = copies_of(base);

	if (store->dir_fd >= 0)
		close(store->dir_fd);
	free(store);
}

static const struct store_kind kind = {
	.name = "copy",
	.free = copy_free,
	.fill = copy_fill,
	.drop = copy_drop,
	.atime = copy_atime,
	.descriptors = copy_descriptors,
	.is_full = copy_is_full,
};

int store_copy_new(struct store **ret, uint64_t limit, unsigned memfds)
{
	struct store_copy *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->store.kind = &kind;
	store->most_memfds = memfds;
	store->dir_fd = mount_tmpfs(limit);
	if (store->dir_fd < 0) {
		store->mount_error = store->dir_fd;
		store->dir_fd = -1;
	}
	*ret = &store->store;
	return 0;
}
