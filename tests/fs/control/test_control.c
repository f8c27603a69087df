/* The control file's protocol, and the report that is its first reply. */
#include "cache/flush/flusher.h"
#include "fs/control/control.h"
#include "fs/control/report.h"
#include "fs/control/tap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OWNER 1000

static int say_words(void *context, int argc, char *const *argv, GString *reply)
{
	g_string_append(reply, context);
	for (int i = 0; i < argc; i++)
		g_string_append_printf(reply, "[%s]", argv[i]);
	return 0;
}

static int refuse(void *context, int argc, char *const *argv, GString *reply)
{
	g_string_append(reply, "no such file");
	return -ENOENT;
}

static char greeting[] = "hi";

static struct taps taps;

static int listen_to_lines(void *context, GString *reply, struct tap **tap)
{
	int r = tap_open(&taps, TAP_ACCESS, tap);

	if (r < 0)
		g_string_append(reply, "too many");
	return r;
}

static const struct control_verb verbs[] = {
	{"stat", false, say_words},
	{"drop", true, say_words},
	{"fail", false, refuse},
	{"log", true, .listen = listen_to_lines},
	{NULL},
};

static const struct control control = {.verbs = verbs, .context = greeting, .owner = OWNER};

/* Writes @request, expects @expected of it, and compares the whole reply. */
static void transact(uid_t caller, const char *request, ssize_t expected, const char *reply)
{
	struct control_session *session = control_open(&control, caller);
	char text[256];
	ssize_t length;

	assert_non_null(session);
	assert_int_equal(control_write(session, request, strlen(request)), expected);
	length = control_read(session, text, sizeof(text) - 1);
	assert_true(length >= 0);
	text[length] = '\0';
	assert_string_equal(text, reply);
	assert_int_equal(control_read(session, text, sizeof(text)), 0);
	control_close(session);
}

static void a_request_reaches_its_verb_with_its_words(void **state)
{
	transact(OWNER, "stat", 4, "hi[stat]");
	transact(OWNER, "stat\n", 5, "hi[stat]");
	transact(OWNER, "stat --json 'a b' \"c\\\"d\"", 24, "hi[stat][--json][a b][c\"d]");
	transact(OWNER, "drop 'it'\\''s'", 14, "hi[drop][it's]");
}

static void a_reply_that_goes_on_ends_with_its_session(void **state)
{
	struct control_session *session = control_open(&control, OWNER), *others[8] = {NULL};
	char text[64];

	taps_init(&taps);
	transact(OWNER + 1, "log", -EACCES, "log: only root and the owner of the mount may ask for this\n");
	transact(OWNER, "log all", -EINVAL, "log: takes no arguments\n");
	assert_false(taps_has(&taps, TAP_ACCESS));
	assert_int_equal(control_write(session, "log", 3), 3);
	assert_int_equal(control_write(session, "log", 3), -EBUSY);
	assert_int_equal(control_read(session, text, sizeof(text)), -EAGAIN);
	taps_push(&taps, TAP_ACCESS, "a line\n", 7);
	assert_int_equal(control_read(session, text, sizeof(text)), 7);
	assert_memory_equal(text, "a line\n", 7);
	assert_int_equal(control_read(session, text, sizeof(text)), -EAGAIN);
	for (int i = 0; i < 8; i++) {
		others[i] = control_open(&control, OWNER);
		assert_int_equal(control_write(others[i], "log", 3), i < 7 ? 3 : -EBUSY);
	}
	control_close(session);
	transact(OWNER, "stat", 4, "hi[stat]");
	for (int i = 0; i < 8; i++)
		control_close(others[i]);
	assert_false(taps_has(&taps, TAP_ACCESS));
	taps_deinit(&taps);
}

static void an_unknown_request_is_told_what_there_is(void **state)
{
	transact(0, "stta", -EINVAL, "stta: unknown request, takes stat, drop, fail, log\n");
}

static void a_malformed_request_is_refused(void **state)
{
	static const char nul[] = "stat\0stat";
	struct control_session *session = control_open(&control, 0);

	transact(0, "stat 'open", -EINVAL, "a request is a verb and its arguments, quoted as for a shell\n");
	transact(0, "\n", -EINVAL, "a request is a verb and its arguments, quoted as for a shell\n");
	transact(0, "", -EINVAL, "a request is a verb and its arguments, quoted as for a shell\n");
	assert_int_equal(control_write(session, nul, sizeof(nul)), -EINVAL);
	control_close(session);
}

static void a_handlers_error_is_the_writes_error(void **state)
{
	transact(0, "fail", -ENOENT, "no such file\n");
}

static void only_root_and_the_owner_may_change_something(void **state)
{
	transact(OWNER, "drop", 4, "hi[drop]");
	transact(0, "drop", 4, "hi[drop]");
	transact(1001, "stat", 4, "hi[stat]");
	transact(1001, "drop", -EACCES, "drop: only root and the owner of the mount may ask for this\n");
}

static void reading_without_a_request_gives_the_first_verb(void **state)
{
	struct control_session *session = control_open(&control, 1001);
	char text[8];

	assert_int_equal(control_read(session, text, 5), 5);
	assert_memory_equal(text, "hi[st", 5);
	assert_int_equal(control_read(session, text, 8), 3);
	assert_memory_equal(text, "at]", 3);
	assert_int_equal(control_read(session, text, 8), 0);
	assert_int_equal(control_read(session, text, 8), 0);
	assert_int_equal(control_write(session, "stat", 4), -EBUSY);
	control_close(session);
}

static void one_open_takes_one_request_of_bounded_length(void **state)
{
	g_autofree char *text = g_strnfill(CONTROL_REQUEST_MAX + 1, 'x');
	struct control_session *session = control_open(&control, 0), *other = control_open(&control, 0);

	assert_int_equal(control_write(session, text, CONTROL_REQUEST_MAX + 1), -EMSGSIZE);
	text[CONTROL_REQUEST_MAX] = '\0';
	assert_int_equal(control_write(other, text, CONTROL_REQUEST_MAX), -EINVAL); /* of no verb */
	control_close(other);
	assert_int_equal(control_write(session, "stat", 4), 4);
	assert_int_equal(control_write(session, "stat", 4), -EBUSY);
	control_close(session);
	control_close(NULL);
}

static void a_report_shows_facts_options_and_counters(void **state)
{
	static const struct report_fact facts[] = {{"transport", "dev"}, {NULL}};
	char program[] = "sievefs", source[] = "/a \"b\"", mountpoint[] = "/m";
	char *argv[] = {program, source, mountpoint, NULL};
	char stat[] = "stat", json[] = "--json", bad[] = "--xml";
	char *const plain_request[] = {stat, NULL}, *const json_request[] = {stat, json, NULL},
		    *const bad_request[] = {stat, bad, NULL}, *const long_request[] = {stat, json, bad, NULL};
	g_autoptr(GString) text = g_string_new(NULL), data = g_string_new(NULL), none = g_string_new(NULL);
	struct stats stats = {0};
	struct options options;
	char *error = NULL;
	struct report report = {.options = &options, .stats = &stats, .facts = facts};

	options_init(&options);
	assert_int_equal(options_read(&options, 3, argv, 1 << 30, &error), 0);
	stats_count(&stats.mount.hits, 12);
	assert_int_equal(report_stat(&report, 1, plain_request, text), 0);
	assert_non_null(strstr(text->str, "source         /a \"b\"\n"));
	assert_non_null(strstr(text->str, "transport      dev\n"));
	assert_non_null(strstr(text->str, ",small_max=1M,"));
	assert_int_equal(report_stat(&report, 2, json_request, data), 0);
	assert_non_null(strstr(
		data->str, "\"source\":\"/a \\\"b\\\"\",\"mountpoint\":\"/m\",\"transport\":\"dev\","));
	assert_non_null(strstr(data->str, "\"small_max\":1048576,"));
	assert_non_null(strstr(data->str, "\"attr_timeout\":1,"));
	assert_non_null(strstr(data->str, "\"settle\":\"2s\","));
	assert_non_null(strstr(data->str, "\"cache\":{\"hits\":12,"));
	assert_true(g_str_has_suffix(data->str, "}}\n"));
	assert_int_equal(report_stat(&report, 2, bad_request, none), -EINVAL);
	assert_string_equal(none->str, "stat --xml: takes --json or no arguments");
	g_string_truncate(none, 0);
	assert_int_equal(report_stat(&report, 3, long_request, none), -EINVAL);
	assert_string_equal(none->str, "stat --xml: takes --json or no arguments");
	options_deinit(&options);
}

static void a_report_begins_with_what_is_asked_most(void **state)
{
	struct options options;
	struct stats stats = {0};
	struct flusher_stats flusher = {0};
	struct report report = {.options = &options, .stats = &stats, .flusher = &flusher};
	g_autoptr(GString) idle = g_string_new(NULL), busy = g_string_new(NULL);

	options_init(&options);
	report_to_text(&report, idle);
	assert_true(
		g_str_has_prefix(idle->str, "dirty          0.0 MiB\n"
					    "hit_ratio      none, 0 of 0 opens of files that may be cached\n"
					    "budget         0.0 of 0.0 MiB, 0 files\n\n"));
	stats_count(&stats.mount.hits, 3);
	stats_count(&stats.mount.misses, 1);
	stats_set(&stats.mount.objects, 2);
	stats_set(&stats.mount.object_bytes, 3 << 19);
	stats_set(&stats.mount.budget_bytes, 64 << 20);
	atomic_store(&flusher.dirty_bytes, 5 << 20);
	atomic_store(&flusher.writeback_bytes, 1 << 20);
	atomic_store(&flusher.oldest_ms, 3210);
	report_to_text(&report, busy);
	assert_true(g_str_has_prefix(busy->str,
		"dirty          5.0 MiB, the oldest for 3.2 s; 1.0 MiB being written back\n"
		"hit_ratio      75.0 %, 3 of 4 opens of files that may be cached\n"
		"budget         1.5 of 64.0 MiB, 2 files\n\n"));
	options_deinit(&options);
}

/* A leak checker tells if one stays. */
static void what_the_kernel_does_not_release_is_closed_at_the_end(void **state)
{
	struct control_session *session = control_open(&control, 0), *other = control_open(&control, 0);

	assert_non_null(session);
	assert_non_null(other);
	assert_true(control_write(session, "stat", 4) == 4);
	control_close(other);
	control_close_all();
	control_close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_reaches_its_verb_with_its_words),
		cmocka_unit_test(a_reply_that_goes_on_ends_with_its_session),
		cmocka_unit_test(an_unknown_request_is_told_what_there_is),
		cmocka_unit_test(a_malformed_request_is_refused),
		cmocka_unit_test(a_handlers_error_is_the_writes_error),
		cmocka_unit_test(only_root_and_the_owner_may_change_something),
		cmocka_unit_test(reading_without_a_request_gives_the_first_verb),
		cmocka_unit_test(one_open_takes_one_request_of_bounded_length),
		cmocka_unit_test(a_report_begins_with_what_is_asked_most),
		cmocka_unit_test(a_report_shows_facts_options_and_counters),
		cmocka_unit_test(what_the_kernel_does_not_release_is_closed_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
