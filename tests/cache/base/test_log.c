#include "cache/base/log.h"

#include <fcntl.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static GString *heard;

static void listen_in(enum log_level level, const char *text)
{
	g_string_append_printf(heard, "%d %s|", level, text);
}

static int start(void **state)
{
	heard = g_string_new(NULL);
	log_set_sink(listen_in);
	log_set_level(LOG_LEVEL_INFO);
	return 0;
}

static int stop(void **state)
{
	g_string_free(heard, TRUE);
	log_set_sink(log_to_stderr);
	return 0;
}

static void less_urgent_lines_than_the_level_are_dropped(void **state)
{
	log_error("a %d", 1);
	log_warning("b");
	log_info("c");
	log_debug("d");
	assert_string_equal(heard->str, "0 a 1|1 b|2 c|");
	g_string_truncate(heard, 0);
	log_set_level(LOG_LEVEL_ERROR);
	log_error("e");
	log_warning("f");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("g");
	assert_string_equal(heard->str, "0 e|3 g|");
}

static void a_change_of_state_is_said_once_for_each_place(void **state)
{
	for (int i = 0; i < 3; i++)
		log_once(LOG_LEVEL_WARNING, "here %d", i);
	for (int i = 0; i < 3; i++)
		log_once(LOG_LEVEL_WARNING, "there %d", i);
	assert_string_equal(heard->str, "1 here 0|1 there 0|");
}

static void lines_end_once_and_long_ones_are_cut(void **state)
{
	g_autofree char *long_text = g_strnfill(10000, 'x');

	log_info("end\n\n");
	assert_string_equal(heard->str, "2 end|");
	g_string_truncate(heard, 0);
	log_info("%s", long_text);
	assert_in_range(heard->len, 1000, 3000);
}

static void stderr_gets_the_programs_name_first(void **state)
{
	char text[128] = "";
	int saved = dup(STDERR_FILENO);
	int file = memfd_create("stderr", MFD_CLOEXEC);

	assert_true(saved >= 0 && file >= 0);
	log_set_sink(log_to_stderr);
	dup2(file, STDERR_FILENO);
	log_error("gone");
	log_warning("slow");
	dup2(saved, STDERR_FILENO);
	assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "sievefs: gone\nsievefs: warning: slow\n");
	close(file);
	close(saved);
}

static void a_signal_handler_s_line_is_whole_or_cut(void **state)
{
	g_autofree char *long_text = g_strnfill(1000, 'x');
	char text[1024] = "";
	int saved = dup(STDERR_FILENO);
	int file = memfd_create("stderr", MFD_CLOEXEC);

	assert_true(saved >= 0 && file >= 0);
	log_set_sink(log_to_stderr);
	dup2(file, STDERR_FILENO);
	log_from_signal("refused");
	log_from_signal(long_text);
	dup2(saved, STDERR_FILENO);
	assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
	assert_true(g_str_has_prefix(text, "sievefs: refused\nsievefs: xxx"));
	assert_true(g_str_has_suffix(text, "xxx\n"));
	assert_in_range(strlen(text), 200, 300);
	close(file);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(less_urgent_lines_than_the_level_are_dropped, start, stop),
		cmocka_unit_test_setup_teardown(a_change_of_state_is_said_once_for_each_place, start, stop),
		cmocka_unit_test_setup_teardown(lines_end_once_and_long_ones_are_cut, start, stop),
		cmocka_unit_test_setup_teardown(stderr_gets_the_programs_name_first, start, stop),
		cmocka_unit_test_setup_teardown(a_signal_handler_s_line_is_whole_or_cut, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
