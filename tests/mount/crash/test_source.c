/*
 * What lies in SOURCE after every way to store through the mount, and after the daemon was killed: for each
 * lane the promise is one table, and says when the bytes are there.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 9000
#define AT 5000 /* where they store */
#define BOUND_MS 2000

/* When SOURCE has it. */
enum promise {
	NOW,  /* when the call has returned; it survives kill -9 of the daemon */
	SOON, /* within BOUND_MS; that survives it too */
	OPEN, /* when the kernel writes the page back: nothing is promised */
};

/* The ways to store that return when they have stored. */
enum way { WRITE, APPEND, SENDFILE, COPY_RANGE, WAYS };

/* What is done after a store through a mapping. */
enum act { WAIT, MSYNC, FSYNC, CLOSE, MUNMAP, ACTS };

static const char *const way_names[WAYS] = {"write", "append", "sendfile", "copy_file_range"};
static const char *const act_names[ACTS] = {"wait", "msync", "fsync", "close", "munmap"};

/*
 * sievefs(8), PROMISES. A descriptor that was closed is opened anew for fsync and close. `copy`: a mapping of
 * a file whose copy is in use stores into the copy, of which the kernel's msync(2) tells nobody.
 */
static const struct lane_promise {
	const char *lane;
	bool copy;
	enum promise mapped[ACTS];
} promises[] = {
	/*                    wait  msync fsync close munmap */
	{"plain", false, {NOW, NOW, NOW, NOW, NOW}},
	{"direct", false, {NOW, NOW, NOW, NOW, NOW}},
	{"cached", false, {NOW, NOW, NOW, NOW, NOW}},
	{"mixed", false, {NOW, NOW, NOW, NOW, NOW}},
	{"copied", true, {SOON, SOON, NOW, NOW, SOON}},
	{"served", false, {OPEN, NOW, NOW, NOW, NOW}},
};

/* A file that is stored into once. */
struct cell {
	char name[64];
	enum promise promise;
	char byte;
	off_t at;
	enum act act;
	bool open; /* its descriptor, while the mapping is stored into */
	int reader, fd;
	char *map;
};

static struct cell cells[2 * ACTS + WAYS];
static const unsigned cell_count = sizeof(cells) / sizeof(*cells);
static struct mount through;
static char path[PATH_MAX];

/* Over FUSE files are copied, not pinned, and what is not copied is written by the daemon. */
static const char *lane_of_promise(void)
{
	if (!config.fuse)
		return config.lane;
	return strcmp(config.lane, "cached") && strcmp(config.lane, "mixed") ? "served" : "copied";
}

static const struct lane_promise *promise_of_lane(void)
{
	const char *lane = lane_of_promise();

	for (size_t i = 0; i < sizeof(promises) / sizeof(*promises); i++)
		if (!strcmp(promises[i].lane, lane))
			return &promises[i];
	fail_msg("no promise for lane=%s", config.lane);
	return NULL;
}

static int open_file(const char *root, const struct cell *cell, int flags)
{
	int fd;

	snprintf(path, sizeof(path), "%.3000s/%.60s", root, cell->name);
	fd = open(path, flags | O_CLOEXEC);
	assert_return_code(fd, errno);
	return fd;
}

static bool is_in_source(const struct cell *cell)
{
	int fd = open_file(through.source, cell, O_RDONLY);
	char byte = 0;
	bool is = pread(fd, &byte, 1, cell->at) == 1 && byte == cell->byte;

	close(fd);
	return is;
}

/* Nothing but the byte may differ, and that is the old one or the new. */
static void assert_else_unchanged(const struct cell *cell)
{
	static char now[SIZE + 8], then[SIZE];
	int fd = open_file(through.source, cell, O_RDONLY);

	assert_in_range(pread(fd, now, sizeof(now), 0), SIZE, SIZE + 1);
	close(fd);
	snprintf(path, sizeof(path), "%.3000s/pattern", bare_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, then, SIZE, 0), SIZE);
	close(fd);
	if (cell->at < SIZE && now[cell->at] == cell->byte)
		then[cell->at] = cell->byte;
	assert_memory_equal(now, then, SIZE);
}

/* A reader holds its copy, where there is one. */
static void begin(struct cell *cell)
{
	snprintf(path, sizeof(path), "%.3000s/%.60s", through.source, cell->name);
	assert_return_code(put_file(path, SIZE, 1), errno);
	cell->byte = '!'; /* not in the pattern there */
	cell->at = AT;
	if (promise_of_lane()->copy)
		cell->reader = mount_open_cached(&through, cell->name);
	else
		cell->reader = open_file(through.point, cell, O_RDONLY);
	cell->fd = open_file(through.point, cell, O_RDWR);
}

static void begin_mapped(struct cell *cell)
{
	begin(cell);
	cell->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, cell->fd, 0);
	assert_ptr_not_equal(cell->map, MAP_FAILED);
	if (!cell->open)
		assert_return_code(close(cell->fd), errno);
}

/* --- the ways to store ------------------------------------------------------------------------ */

static void store_otherwise(struct cell *cell, enum way way)
{
	int from, append;
	off_t offset = 0;

	snprintf(path, sizeof(path), "%.3000s/byte", bare_dir);
	from = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(from, errno);
	switch (way) {
	case WRITE:
		assert_int_equal(pwrite(cell->fd, &cell->byte, 1, cell->at), 1);
		break;
	case APPEND:
		cell->at = SIZE;
		append = open_file(through.point, cell, O_WRONLY | O_APPEND);
		assert_int_equal(write(append, &cell->byte, 1), 1);
		close(append);
		break;
	case SENDFILE:
		assert_int_equal(lseek(cell->fd, cell->at, SEEK_SET), cell->at);
		assert_int_equal(sendfile(cell->fd, from, &offset, 1), 1);
		break;
	default:
		close(from);
		snprintf(path, sizeof(path), "%.3000s/byte", through.point);
		from = open(path, O_RDONLY | O_CLOEXEC);
		assert_return_code(from, errno);
		assert_int_equal(copy_file_range(from, &offset, cell->fd, &cell->at, 1, 0), 1);
		cell->at = AT;
	}
	close(from);
}

static void store_and_act(struct cell *cell)
{
	int fd = -1;

	memcpy(cell->map + cell->at, &cell->byte, 1);
	if (cell->act == FSYNC || cell->act == CLOSE)
		fd = cell->open ? cell->fd : open_file(through.point, cell, O_RDWR);
	if (cell->act == MSYNC)
		assert_return_code(msync(cell->map, SIZE, MS_SYNC), errno);
	else if (cell->act == FSYNC)
		assert_return_code(fsync(fd), errno);
	else if (cell->act == CLOSE)
		assert_return_code(close(fd), errno);
	else if (cell->act == MUNMAP)
		assert_return_code(munmap(cell->map, SIZE), errno);
	if (cell->promise == NOW && !is_in_source(cell))
		fail_msg("%s: it has returned, and SOURCE has nothing", cell->name);
	if (cell->act == FSYNC && !cell->open)
		close(fd);
}

/* --- all cells of a lane ---------------------------------------------------------------------- */

static void store_in_all(const struct lane_promise *promise)
{
	unsigned n = 0;

	memset(cells, 0, sizeof(cells));
	for (int act = 0; act < ACTS; act++) {
		for (int open = 0; open < 2; open++, n++) {
			cells[n] = (struct cell){.act = act, .open = open, .promise = promise->mapped[act]};
			snprintf(cells[n].name, sizeof(cells[n].name), "%s-%s", act_names[act],
				open ? "open" : "closed");
			begin_mapped(&cells[n]);
		}
	}
	for (int way = 0; way < WAYS; way++, n++) {
		cells[n] = (struct cell){.open = true, .promise = NOW};
		snprintf(cells[n].name, sizeof(cells[n].name), "%s", way_names[way]);
		begin(&cells[n]);
	}
	poll(NULL, 0, 100); /* RELEASE comes some time after close(2) */
	if (promise->copy)  /* it is what this lane is tested for */
		assert_in_range(mount_stat(&through, "cached-write/opens"), cell_count, 3 * cell_count);
	for (n = 0; n < 2 * ACTS; n++)
		store_and_act(&cells[n]);
	for (int way = 0; way < WAYS; way++, n++) {
		store_otherwise(&cells[n], way);
		if (!is_in_source(&cells[n]))
			fail_msg("%s: it has returned, and SOURCE has nothing", cells[n].name);
	}
}

static void let_go_of_all(void)
{
	for (unsigned i = 0; i < cell_count; i++) {
		struct cell *cell = &cells[i];

		if (cell->open && (!cell->map || cell->act != CLOSE))
			close(cell->fd);
		close(cell->reader);
		if (cell->map && cell->act != MUNMAP)
			munmap(cell->map, SIZE);
	}
}

static void start(const char *name)
{
	mount_start(&through, name, NULL);
	snprintf(path, sizeof(path), "%.3000s/pattern", bare_dir);
	assert_return_code(put_file(path, SIZE, 1), errno);
	assert_int_equal(
		shell(NULL, 0, "printf ! >%s/byte && printf ! >%s/byte", bare_dir, through.source), 0);
}

static void what_was_stored_is_in_source_when_it_is_promised(void **state)
{
	const struct lane_promise *promise = promise_of_lane();
	unsigned late;

	start("stored");
	store_in_all(promise);
	for (int waited = 0; waited < BOUND_MS; waited += 50) {
		late = 0;
		for (unsigned i = 0; i < cell_count; i++)
			late += cells[i].promise == SOON && !is_in_source(&cells[i]);
		if (!late)
			break;
		poll(NULL, 0, 50);
	}
	for (unsigned i = 0; i < cell_count; i++) {
		if (cells[i].promise == SOON && !is_in_source(&cells[i]))
			print_error("%s: SOURCE has nothing after %d ms\n", cells[i].name, BOUND_MS);
		assert_else_unchanged(&cells[i]);
	}
	assert_int_equal(late, 0);
	let_go_of_all();
	mount_stop(&through, MOUNT_END_UMOUNT);
	for (unsigned i = 0; i < cell_count; i++)
		if (!is_in_source(&cells[i]))
			fail_msg("%s: SOURCE has nothing after the mount's end", cells[i].name);
}

static void kill_daemon(void)
{
	int status;

	kill(through.daemon, SIGKILL);
	waitpid(through.daemon, &status, 0);
	through.daemon = 0;
	umount2(through.point, MNT_DETACH);
	let_go_of_all();
}

static void check_after_kill(bool soon)
{
	for (unsigned i = 0; i < cell_count; i++) {
		bool promised = cells[i].promise == NOW || (soon && cells[i].promise == SOON);

		assert_else_unchanged(&cells[i]);
		if (promised && !is_in_source(&cells[i]))
			fail_msg("%s: lost with the daemon", cells[i].name);
	}
}

static void what_is_promised_survives_kill_9(void **state)
{
	const struct lane_promise *promise = promise_of_lane();

	start("killed");
	store_in_all(promise);
	kill_daemon();
	check_after_kill(false);
	if (!promise->copy)
		return;
	start("killed-later");
	store_in_all(promise);
	poll(NULL, 0, BOUND_MS);
	kill_daemon();
	check_after_kill(true);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_was_stored_is_in_source_when_it_is_promised),
	cmocka_unit_test(what_is_promised_survives_kill_9),
};

static const struct suite suite = {.name = "source",
	.tests = tests,
	.test_count = sizeof(tests) / sizeof(*tests),
	.needs_root = true,
	.needs_daemon = true};

SUITE_MAIN(suite)
