/* A file system that does not answer holds up its own files and no others. */
#include "cache/trail/trail.h"

#include "cache/base/page_cache.h"
#include "tests/cache/trail/fixture.h"
#include "tests/support/check.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB 256ull /* pages */
#define SIZE (256 * MIB)

/* The file system that hangs. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static dev_t hangs; /* 0: none */
static unsigned held;

int __real_page_cache_count(int fd, off_t offset, uint64_t size, struct page_cache_counts *counts);
int __wrap_page_cache_count(int fd, off_t offset, uint64_t size, struct page_cache_counts *counts);

int __wrap_page_cache_count(int fd, off_t offset, uint64_t size, struct page_cache_counts *counts)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	pthread_mutex_lock(&lock);
	held++;
	while (hangs && hangs == st.st_dev)
		pthread_cond_wait(&changed, &lock);
	held--;
	pthread_mutex_unlock(&lock);
	return __real_page_cache_count(fd, offset, size, counts);
}

static void hang(dev_t device)
{
	pthread_mutex_lock(&lock);
	hangs = device;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static unsigned held_now(void)
{
	unsigned now;

	pthread_mutex_lock(&lock);
	now = held;
	pthread_mutex_unlock(&lock);
	return now;
}

static int begin(struct trail *trail, uint64_t id, int fd)
{
	return trail_begin(trail, id, &(struct trail_open){.fd = fd});
}

/* Files in memory, which lie on a device of their own. */
static int memory_file(void)
{
	int fd = memfd_create("held", MFD_CLOEXEC);

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, 64 << 20), errno);
	return fd;
}

static uint64_t read_slowly(const struct large_file *file)
{
	uint64_t most = 0;

	for (uint64_t p = 0; p < SIZE; p += MIB) {
		large_file_read(file, p, p + MIB);
		poll(NULL, 0, 4);
		if (large_file_resident(file, 0, SIZE) > most)
			most = large_file_resident(file, 0, SIZE);
	}
	return most;
}

static void another_thread_goes_on_for_one_that_is_held_up(void **state)
{
	const struct trail_settings settings = {.window = 24 << 20, .memory = 64 << 20};
	struct large_file file;
	struct trail *trail;
	int first = memory_file(), second = memory_file();
	struct stat st;

	large_file_make(&file, SIZE, 1);
	assert_int_equal(trail_new(&settings, &trail), 0);
	assert_int_equal(begin(trail, 1, first), 0);
	assert_int_equal(begin(trail, 2, second), 0);
	assert_int_equal(begin(trail, 3, file.fd), 0);
	assert_return_code(fstat(first, &st), errno);
	hang(st.st_dev);
	large_file_read(&(struct large_file){.fd = first}, 0, MIB); /* it is looked at again */
	for (int i = 0; i < 300 && !held_now(); i++)
		poll(NULL, 0, 10);
	assert_int_equal(held_now(), 1);
	for (int i = 0; i < 30 && !trail_stats(trail)->replaced; i++) {
		poll(NULL, 0, 100);
		trail_tick(trail);
	}
	assert_int_equal(trail_stats(trail)->replaced, 1);
	assert_in_range(read_slowly(&file), 0, SIZE / 4 * 3);
	/* the other file there waits, and takes no thread of its own */
	trail_tick(trail);
	assert_int_equal(held_now(), 1);
	assert_int_equal(trail_stats(trail)->replaced, 1);
	hang(0);
	trail_end(trail, 1);
	trail_end(trail, 2);
	trail_end(trail, 3);
	trail_removed(trail, 1); /* what is in memory can't be dropped */
	trail_removed(trail, 2);
	for (int i = 0; i < 300 && trail_stats(trail)->files; i++)
		poll(NULL, 0, 10);
	assert_int_equal(trail_stats(trail)->files, 0);
	trail_free(trail);
	large_file_remove(&file);
	close(first);
	close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_thread_goes_on_for_one_that_is_held_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
