#include "tests/support/pages.h"
#include "tests/support/suite.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

unsigned pages_resident(const char *path)
{
	unsigned char flags[4096];
	unsigned count = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t pages;
	void *memory;

	assert_return_code(fd, errno);
	assert_return_code(fstat(fd, &st), errno);
	pages = ((size_t)st.st_size + PAGE - 1) / PAGE;
	assert_true(pages > 0 && pages <= sizeof(flags));
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(memory != MAP_FAILED);
	assert_return_code(mincore(memory, (size_t)st.st_size, flags), errno);
	for (size_t i = 0; i < pages; i++)
		count += flags[i] & 1;
	munmap(memory, (size_t)st.st_size);
	close(fd);
	return count;
}

void pages_drop(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	assert_return_code(fsync(fd), errno);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

/* tools/bench/run.d/machine.py takes this lock exclusively. */
int pages_keep(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		flock(fd, LOCK_SH);
	return fd;
}
