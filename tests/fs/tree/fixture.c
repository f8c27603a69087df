#include "tests/fs/tree/fixture.h"
#include "tests/support/descriptors.h"
#include <ftw.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* The right to open by handle. Returns whether this thread has it as wanted now. */
static bool may_open_handles(bool wanted)
{
	const cap_value_t right = CAP_DAC_READ_SEARCH;
	cap_t caps = cap_get_proc();
	bool done = caps && cap_set_flag(caps, CAP_EFFECTIVE, 1, &right, wanted ? CAP_SET : CAP_CLEAR) == 0 &&
		    cap_set_proc(caps) == 0;

	cap_free(caps);
	return done;
}

/* A file system that is mounted nowhere: it goes with its last descriptor. */
static int open_detached(const char *type)
{
	int context = fsopen(type, FSOPEN_CLOEXEC), mount, dir;

	if (context < 0)
		SKIP_TEST("no %s can be made: %s", type, strerror(errno));
	assert_return_code(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), errno);
	mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	assert_return_code(mount, errno);
	dir = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(dir, errno);
	close(mount);
	close(context);
	return dir;
}

static int open_on_disk(struct fixture *fixture)
{
	int dir;

	strcpy(fixture->path, "tree-XXXXXX");
	assert_non_null(mkdtemp(fixture->path));
	dir = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(dir, errno);
	return dir;
}

void fixture_hide_mounts(void)
{
	if (unshare(CLONE_NEWNS) == 0)
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

void fixture_run(void **state)
{
	struct fixture *fixture = *state;
	int source;

	fixture->dir = -1;
	if (fixture->source == IN_MEMORY || fixture->source == BY_NUMBER)
		fixture->dir = open_detached(fixture->source == IN_MEMORY ? "tmpfs" : "ramfs");
	else
		fixture->dir = open_on_disk(fixture);
	if (fixture->source == BY_NAME)
		assert_true(may_open_handles(false));
	source = openat(fixture->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(source, errno);
	assert_int_equal(tree_new(&fixture->tree, source, TREE_DESCRIPTORS), 0);
	fixture->root = tree_root(fixture->tree);
	fixture->descriptors = descriptors_open();
	if (fixture->source == BY_HANDLE && !tree_has_handles(fixture->tree))
		SKIP_TEST("no file of this directory can be opened by handle here");
	assert_int_equal(tree_has_handles(fixture->tree),
		fixture->source == BY_HANDLE || fixture->source == IN_MEMORY);
	fixture->test(fixture);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;

	tree_free(fixture->tree);
	if (fixture->dir >= 0)
		close(fixture->dir);
	if (fixture->path[0])
		nftw(fixture->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (fixture->source == BY_NAME && geteuid() == 0)
		assert_true(may_open_handles(true));
	return 0;
}

void fixture_make(const struct fixture *fixture, const char *name)
{
	int fd = openat(fixture->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_return_code(fd, errno);
	assert_int_equal(write(fd, name, strlen(name)), strlen(name));
	close(fd);
}

struct inode *fixture_find(const struct fixture *fixture, struct inode *parent, const char *name)
{
	struct inode *inode;
	struct statx stx;

	assert_int_equal(tree_lookup(fixture->tree, parent, name, &inode, &stx), 0);
	assert_non_null(inode);
	return inode;
}

bool fixture_remembers(const struct fixture *fixture, const struct inode *inode)
{
	return tree_has_handles(fixture->tree) && inode->handle_bytes > 0;
}

void fixture_rest(const struct fixture *fixture)
{
	tree_close_idle(fixture->tree);
	tree_close_idle(fixture->tree);
}

void assert_opens(const struct fixture *fixture, struct inode *inode, const char *name)
{
	int fd = tree_open(fixture->tree, inode, O_RDONLY);
	char bytes[256] = "";

	if (fd < 0)
		fail_msg("%s: %s", name, strerror(-fd));
	assert_int_equal(read(fd, bytes, sizeof(bytes) - 1), strlen(name));
	assert_string_equal(bytes, name);
	close(fd);
}

int fixture_descriptors(const struct fixture *fixture)
{
	return descriptors_open() - fixture->descriptors;
}
