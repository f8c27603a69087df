/* fio with verification on the lane of the run: buffered, O_DIRECT, mapped, several jobs, different engines.
 */
#include "tests/support/suite.h"
#include "tests/support/tape.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char output[16384];

static void verify(const char *what)
{
	char directory[PATH_MAX];

	snprintf(directory, sizeof(directory), "%.3000s", mounted.point);
	if (shell(NULL, 0, "command -v fio"))
		SKIP_TEST("fio is not installed");
	if (shell(output, sizeof(output),
		    "cd '%s' && fio --name=verify --directory=. --verify=crc32c --verify_fatal=1 "
		    "--verify_state_save=0 "
		    "--randseed=%llu --group_reporting --minimal --do_verify=1 %s",
		    directory, (unsigned long long)config.seed, what))
		fail_msg("fio %s: %s", what, output);
	shell(NULL, 0, "rm -f '%s'/verify.*", directory);
}

static void buffered_writes_verify(void **state)
{
	verify("--ioengine=psync --rw=randwrite --bsrange=512-64k --bs_unaligned --size=4m --numjobs=2");
}

static void direct_writes_verify(void **state)
{
	verify("--ioengine=libaio --iodepth=8 --direct=1 --rw=randwrite --bs=4k --size=4m --numjobs=2");
}

static void uring_writes_verify(void **state)
{
	verify("--ioengine=io_uring --iodepth=16 --rw=randwrite --bs=16k --size=8m --numjobs=2");
}

static void large_direct_requests_verify(void **state)
{
	verify("--ioengine=io_uring --iodepth=4 --direct=1 --rw=write --bs=1m --size=32m");
}

static void large_unaligned_requests_verify(void **state)
{
	verify("--ioengine=io_uring --iodepth=4 --rw=randwrite --bsrange=100k-2m --bs_unaligned --size=24m "
	       "--numjobs=2");
	verify("--ioengine=psync --rw=write --bs=300001 --size=30m --sync=dsync");
}

static void mapped_writes_verify(void **state)
{
	verify("--ioengine=mmap --rw=randwrite --bs=4k --size=2m --numjobs=2");
}

static void appended_and_synced_writes_verify(void **state)
{
	verify("--ioengine=sync --rw=write --bs=3k --size=1m --fsync=32 --numjobs=2");
}

static void many_small_files_verify(void **state)
{
	verify("--ioengine=psync --rw=write --bs=1k --size=512k --nrfiles=32 --openfiles=4 "
	       "--file_service_type=sequential --numjobs=3");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(buffered_writes_verify),
	cmocka_unit_test(direct_writes_verify),
	cmocka_unit_test(uring_writes_verify),
	cmocka_unit_test(large_direct_requests_verify),
	cmocka_unit_test(large_unaligned_requests_verify),
	cmocka_unit_test(mapped_writes_verify),
	cmocka_unit_test(appended_and_synced_writes_verify),
	cmocka_unit_test(many_small_files_verify),
};

static const struct suite suite = {
	.name = "fio", .tests = tests, .test_count = sizeof(tests) / sizeof(*tests), .mounts = true};

SUITE_MAIN(suite)
