#include <endian.h>
#include <errno.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#include "tools/replay/trace.h"

static char path[64];

static int make_path(void **state)
{
	int fd;

	strcpy(path, "/tmp/sievefs-trace-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
	return unlink(path);
}

static void put(const void *bytes, size_t size)
{
	assert_true(g_file_set_contents(path, bytes, size, NULL));
}

static void put_text(const char *text)
{
	put(text, strlen(text));
}

static void put_zstd(const void *bytes, size_t size, size_t cut)
{
	size_t room = ZSTD_compressBound(size);
	g_autofree char *packed = g_malloc(room);
	size_t n = ZSTD_compress(packed, room, bytes, size, 3);

	assert_false(ZSTD_isError(n));
	put(packed, n - cut);
}

static void load(struct trace *trace)
{
	char *error;

	if (trace_load(path, trace, &error) < 0)
		fail_msg("%s", error);
}

/* The load fails, and its line names the file and holds these words. */
static void refuse(const char *words)
{
	struct trace trace;
	g_autofree char *error = NULL;

	assert_true(trace_load(path, &trace, &error) < 0);
	assert_non_null(error);
	if (!strstr(error, words) || !strstr(error, path))
		fail_msg("'%s' does not say '%s'", error, words);
}

static void pack_oracle(unsigned char *to, uint32_t time, uint64_t id, uint32_t size, int64_t next)
{
	time = htole32(time);
	id = htole64(id);
	size = htole32(size);
	next = htole64(next);
	memcpy(to, &time, 4);
	memcpy(to + 4, &id, 8);
	memcpy(to + 12, &size, 4);
	memcpy(to + 16, &next, 8);
}

static void csv_is_read_with_and_without_a_heading(void **state)
{
	const char *const texts[] = {
		"time,id,size\n1,7,100\n2,8,50\n3,7,100\n",
		"# recorded by hand\n1.5, 7, 100\r\n2,0x8,50\n\n3,7,100",
	};

	for (size_t i = 0; i < 2; i++) {
		struct trace trace;

		put_text(texts[i]);
		load(&trace);
		assert_int_equal(trace.open_count, 3);
		assert_int_equal(trace.file_count, 2);
		assert_int_equal(trace.working_set, 150);
		assert_int_equal(trace.one_hit_count, 1);
		assert_int_equal(trace.files[trace.opens[2]].id, 7);
		assert_int_equal(trace.change_count, 0);
		trace_unload(&trace);
	}
}

static void oracle_general_is_read_plain_and_compressed(void **state)
{
	unsigned char bytes[3 * 24];

	pack_oracle(bytes, 1, 1ULL << 60, 100, 2);
	pack_oracle(bytes + 24, 1, 8, 4000000000U, -1);
	pack_oracle(bytes + 48, 2, 1ULL << 60, 100, -1);
	for (int compressed = 0; compressed < 2; compressed++) {
		struct trace trace;

		if (compressed)
			put_zstd(bytes, sizeof(bytes), 0);
		else
			put(bytes, sizeof(bytes));
		load(&trace);
		assert_int_equal(trace.open_count, 3);
		assert_int_equal(trace.working_set, 4000000100ULL);
		assert_int_equal(trace.files[0].id, 1ULL << 60);
		trace_unload(&trace);
	}
}

static void several_zstd_frames_are_one_trace(void **state)
{
	char packed[2][256];
	size_t size[2];
	struct trace trace;

	size[0] = ZSTD_compress(packed[0], 256, "1,1,10\n2,2", 10, 1);
	size[1] = ZSTD_compress(packed[1], 256, ",20\n3,3,30\n", 11, 1);
	memcpy(packed[0] + size[0], packed[1], size[1]);
	put(packed[0], size[0] + size[1]);
	load(&trace);
	assert_int_equal(trace.working_set, 60);
	trace_unload(&trace);
}

static void own_format_tells_changes_from_opens(void **state)
{
	const uint64_t words[] = {
		10, 5, 700 << 8 | TRACE_OPEN, 11, 5, TRACE_CHANGE, 12, 5, 900 << 8 | TRACE_OPEN};
	char bytes[8 + sizeof(words)] = TRACE_MAGIC;
	struct trace trace;

	for (size_t i = 0; i < 9; i++) {
		uint64_t word = htole64(words[i]);

		memcpy(bytes + 8 + 8 * i, &word, 8);
	}
	put(bytes, sizeof(bytes));
	load(&trace);
	assert_int_equal(trace.open_count, 2);
	assert_int_equal(trace.change_count, 2);
	assert_int_equal(trace.changes[0].position, 1);
	assert_true(trace.changes[0].is_stale);
	assert_false(trace.changes[1].is_stale);
	assert_int_equal(trace.changes[1].size, 900);
	trace_unload(&trace);
	memcpy(bytes + 8 + 16, "\x09", 1);
	put(bytes, sizeof(bytes));
	refuse("record 1 has the unknown event 9");
}

static void a_malformed_line_is_named(void **state)
{
	put_text("time,id,size\n1,7,100\n2,8\n");
	refuse("record 2 (line 3) has 2 fields");
	put_text("1,7,100,extra\n");
	refuse("record 1 (line 1) has 4 fields");
	put_text("1,7,100\n2,seven,100\n");
	refuse("record 2 (line 2) has the id 'seven'");
	put_text("1,7,100\n2,7,-5\n");
	refuse("record 2 (line 2) has the size '-5'");
	put_text("1,7,100\n2,7,99999999999999999999999\n");
	refuse("record 2 (line 2) has the size");
	put_text("1,7,100\nnoon,7,100\n");
	refuse("has the time 'noon'");
}

static void a_cut_off_record_is_named(void **state)
{
	unsigned char bytes[48];

	pack_oracle(bytes, 1, 7, 100, 1);
	pack_oracle(bytes + 24, 2, 7, 100, -1);
	put(bytes, 40);
	refuse("record 2 is cut off after 16 of 24 bytes");
	pack_oracle(bytes + 24, 2, 7, 100, -777);
	put(bytes, 48);
	refuse("record 2 says that its next open is -777");
}

static void a_damaged_zstd_stream_is_named(void **state)
{
	g_autofree char *text = g_malloc(1 << 20);
	size_t size = 0;

	for (int i = 0; i < 50000; i++)
		size += sprintf(text + size, "%d,%d,%d\n", i, i * 7919 % 50021, i % 977);
	put_zstd(text, size, 20);
	refuse("the zstd stream is damaged or cut off");
	put("\x28\xb5\x2f\xfd garbage", 12);
	refuse("zstd stream is damaged");
}

static void an_empty_or_missing_trace_is_refused(void **state)
{
	struct trace trace;
	char *error;

	put_text("");
	refuse("has no opens");
	assert_int_equal(trace_load("/nonexistent/trace", &trace, &error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/trace: No such file"));
	g_free(error);
}

static void added_writes_are_the_same_for_the_same_seed(void **state)
{
	struct trace a, b;

	put_text("1,1,10\n2,2,10\n3,1,10\n4,2,10\n5,1,10\n6,2,10\n7,1,10\n8,2,10\n9,3,10\n");
	load(&a);
	load(&b);
	assert_int_equal(trace_add_writes(&a, 0.5, 3), 0);
	assert_int_equal(trace_add_writes(&b, 0.5, 3), 0);
	assert_true(a.change_count > 0 && a.change_count < 9);
	assert_int_equal(a.change_count, b.change_count);
	for (uint64_t i = 0; i < a.change_count; i++)
		assert_int_equal(a.changes[i].position, b.changes[i].position);
	trace_unload(&a);
	trace_unload(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_is_read_with_and_without_a_heading),
		cmocka_unit_test(oracle_general_is_read_plain_and_compressed),
		cmocka_unit_test(several_zstd_frames_are_one_trace),
		cmocka_unit_test(own_format_tells_changes_from_opens),
		cmocka_unit_test(a_malformed_line_is_named),
		cmocka_unit_test(a_cut_off_record_is_named),
		cmocka_unit_test(a_damaged_zstd_stream_is_named),
		cmocka_unit_test(an_empty_or_missing_trace_is_refused),
		cmocka_unit_test(added_writes_are_the_same_for_the_same_seed),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
