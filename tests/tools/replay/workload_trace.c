#include "tests/tools/replay/workload_trace.h"

#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int write_open(void *ctx, uint64_t number, uint64_t id, uint64_t size)
{
	struct trace_record record = {htole64(number), htole64(id), htole64(size << 8 | TRACE_OPEN)};

	return fwrite(&record, sizeof(record), 1, ctx) == 1 ? 0 : -EIO;
}

void workload_trace_make(const struct workload *w, struct trace *trace)
{
	char path[] = "/tmp/sievefs-workload-XXXXXX";
	int fd = mkstemp(path);
	FILE *file;
	char *error;

	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	fputs(TRACE_MAGIC, file);
	assert_int_equal(workload_run(w, write_open, file), 0);
	assert_int_equal(fclose(file), 0);
	if (trace_load(path, trace, &error) < 0)
		fail_msg("%s", error);
	unlink(path);
	trace->path = w->kind;
}
