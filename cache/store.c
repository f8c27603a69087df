#include "cache/store.h"

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

struct store {
	int dir_fd; /* root of the detached tmpfs, or -1 */
	int mount_error;
	_Atomic uint32_t last_id;
	unsigned most_memfds;
	_Atomic unsigned memfds;
};

#define NAME_SIZE 12

static void store_name(const struct store_file *file, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%x", file->id);
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
	fsconfig(
		fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0); /* 6.4; refused by older kernels, which may swap */
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mnt = fsmount(
			fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_STRICTATIME | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
	e = errno;
	close(fs);
	return mnt < 0 ? -e : mnt;
}

int store_new(struct store **ret, uint64_t limit, unsigned memfds)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->most_memfds = memfds;
	store->dir_fd = mount_tmpfs(limit);
	if (store->dir_fd < 0) {
		store->mount_error = store->dir_fd;
		store->dir_fd = -1;
	}
	*ret = store;
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	free(store);
}

int store_mount_error(const struct store *store)
{
	return store->mount_error;
}

unsigned store_descriptors(const struct store *store)
{
	return store->memfds;
}

bool store_is_full(const struct store *store)
{
	return store->most_memfds && store->memfds >= store->most_memfds;
}

int store_create(struct store *store, struct store_file *file)
{
	char name[NAME_SIZE];
	int fd;

	if (store->dir_fd < 0) {
		fd = memfd_create("sievefs-store", MFD_CLOEXEC);
		if (fd < 0)
			return -errno;
		file->id = (uint32_t)(fd + 1);
		store->memfds++;
		return fd;
	}
	file->id = ++store->last_id;
	store_name(file, name);
	do {
		fd = openat(store->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno == EEXIST) { /* the counter went round */
			file->id = ++store->last_id;
			store_name(file, name);
		}
	} while (fd < 0 && errno == EEXIST);
	return fd < 0 ? -errno : fd;
}

int store_open(struct store *store, const struct store_file *file, int flags)
{
	char name[NAME_SIZE];
	int fd;

	if (store->dir_fd < 0)
		return (int)file->id - 1;
	store_name(file, name);
	fd = openat(store->dir_fd, name, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void store_close(struct store *store, int fd)
{
	if (fd >= 0 && store->dir_fd >= 0)
		close(fd);
}

void store_remove(struct store *store, struct store_file *file)
{
	char name[NAME_SIZE];

	if (file->id && store->dir_fd < 0) {
		close((int)file->id - 1);
		store->memfds--;
	} else if (file->id) {
		store_name(file, name);
		unlinkat(store->dir_fd, name, 0);
	}
	file->id = 0;
}

uint64_t store_atime(struct store *store, const struct store_file *file)
{
	char name[NAME_SIZE];
	struct stat st;

	store_name(file, name);
	if (store->dir_fd < 0 ? fstat((int)file->id - 1, &st) < 0 : fstatat(store->dir_fd, name, &st, 0) < 0)
		return 0;
	return (uint64_t)st.st_atim.tv_sec * 1000000000 + (uint64_t)st.st_atim.tv_nsec;
}

static bool lease_refused(struct store *store, const struct store_file *file, int lease)
{
	bool refused;
	int fd;

	if (store->dir_fd < 0)
		return false; /* never handed to the kernel: nobody else can have it */
	fd = store_open(store, file, O_RDONLY);
	if (fd < 0)
		return true;
	refused = fcntl(fd, F_SETLEASE, lease) < 0;
	if (!refused)
		fcntl(fd, F_SETLEASE, F_UNLCK);
	close(fd);
	return refused;
}

bool store_in_use(struct store *store, const struct store_file *file)
{
	return lease_refused(store, file, F_WRLCK);
}

bool store_is_written(struct store *store, const struct store_file *file)
{
	return lease_refused(store, file, F_RDLCK);
}
