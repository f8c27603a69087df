#include "tests/mount/users/ways.h"
#include "tests/support/tape.h"
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096

struct model model;

static void write_only(int fd)
{
	NOTE(pwrite(fd, model.data, model.size, 0) == (ssize_t)model.size);
}

static void write_first_byte(int fd)
{
	NOTE(pwrite(fd, model.data, 1, 0));
}

static void append_byte(int fd)
{
	NOTE(write(fd, "", 1));
}

static void truncate_open(int fd)
{
	NOTE(ftruncate(fd, (off_t)model.size + 100));
}

static void truncate_to_same(int fd)
{
	NOTE(ftruncate(fd, (off_t)model.size));
}

static void allocate(int fd)
{
	NOTE(fallocate(fd, 0, (off_t)model.size, PAGE));
}

static void allocate_behind_the_end(int fd)
{
	NOTE(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)model.size, PAGE));
}

static void punch_behind_the_end(int fd)
{
	NOTE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)model.size + PAGE, PAGE));
}

static void copy_range(int fd)
{
	off_t from = 0, to = 0;

	NOTE(copy_file_range(model.fd, &from, fd, &to, model.size, 0) > 0);
}

static void send_file(int fd)
{
	off_t from = 0;

	NOTE(sendfile(fd, model.fd, &from, model.size) > 0);
}

static void splice_in(int fd)
{
	int ends[2];
	off_t to = 0;

	NOTE(pipe(ends) | (write(ends[1], model.data, PAGE) - PAGE));
	NOTE(splice(ends[0], NULL, fd, &to, PAGE, 0));
	close(ends[0]);
	close(ends[1]);
}

static void write_directly(int fd)
{
	char *buf = aligned_alloc(PAGE, PAGE);

	memcpy(buf, model.data, PAGE);
	NOTE(pwrite(fd, buf, PAGE, 0));
	free(buf);
}

static void store(int fd)
{
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	NOTE(map == MAP_FAILED);
	memcpy(map, model.data, 100);
	munmap(map, PAGE);
}

static void write_and_store(int fd)
{
	store(fd);
	write_first_byte(fd);
}

static void set_attribute(int fd)
{
	NOTE(fsetxattr(fd, "user.x", "x", 1, 0));
}

static void set_access(int fd)
{
	/* user::rwx group::rwx other::r-x */
	static const uint32_t acl[] = {2, 0x70001, -1, 0x70004, -1, 0x50020, -1};

	NOTE(fsetxattr(fd, "system.posix_acl_access", acl, sizeof(acl), 0));
}

static void touch(int fd)
{
	NOTE(futimens(fd, NULL));
}

static void change_owner(int fd)
{
	NOTE(fchown(fd, (uid_t)-1, TEST_GID));
	NOTE(fchown(fd, TEST_UID, (gid_t)-1));
}

static void read_byte(int fd)
{
	note_pread(fd, 1, 0);
}

static void nothing(int fd)
{
	(void)fd;
}

const struct way ways[] = {
	{"write", O_WRONLY, write_only}, {"write-byte", O_WRONLY, write_first_byte},
	{"write-both", O_RDWR, write_only}, {"append", O_WRONLY | O_APPEND, append_byte},
	{"empty", O_WRONLY | O_TRUNC, write_only}, {"empty-both", O_RDWR | O_TRUNC, write_only},
	{"synchronous", O_WRONLY | O_SYNC, write_first_byte}, {"direct", O_WRONLY | O_DIRECT, write_directly},
	{"ftruncate", O_WRONLY, truncate_open}, {"ftruncate-same", O_RDWR, truncate_to_same},
	{"fallocate", O_WRONLY, allocate}, {"fallocate-keep", O_RDWR, allocate_behind_the_end},
	{"punch", O_WRONLY, punch_behind_the_end}, {"copy", O_WRONLY, copy_range},
	{"sendfile", O_WRONLY, send_file}, {"splice", O_WRONLY, splice_in}, {"store", O_RDWR, store},
	{"store-write", O_RDWR, write_and_store}, {"xattr", O_WRONLY, set_attribute},
	{"acl", O_WRONLY, set_access}, {"touch", O_WRONLY, touch}, {"chown", O_RDONLY, change_owner},
	{"read", O_RDONLY, read_byte}, {"empty-reader", O_RDONLY | O_TRUNC, nothing},
	{"truncate", O_PATH, NULL}, /* by its name */
};

const size_t way_count = sizeof(ways) / sizeof(*ways);
