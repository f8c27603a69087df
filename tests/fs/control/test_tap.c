/* Who listens to a mount, and what he gets. */
#include "fs/control/tap.h"

#include <errno.h>
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct taps taps;

static int begin(void **state)
{
	taps_init(&taps);
	return 0;
}

static int end(void **state)
{
	taps_deinit(&taps);
	return 0;
}

static void say(const char *text)
{
	taps_push(&taps, TAP_ACCESS, text, strlen(text));
}

static void hears(struct tap *tap, const char *text)
{
	char buffer[256];
	ssize_t n = tap_read(tap, buffer, sizeof(buffer) - 1);

	assert_true(n >= 0);
	buffer[n] = '\0';
	assert_string_equal(buffer, text);
}

static void hears_nothing(struct tap *tap)
{
	char buffer[64];

	assert_int_equal(tap_read(tap, buffer, sizeof(buffer)), -EAGAIN);
}

static void each_listener_gets_what_came_since_it_opened(void **state)
{
	struct tap *first, *second;

	assert_false(taps_has(&taps, TAP_ACCESS));
	say("nobody hears\n");
	assert_int_equal(tap_open(&taps, TAP_ACCESS, &first), 0);
	assert_true(taps_has(&taps, TAP_ACCESS));
	assert_false(taps_has(&taps, TAP_TRACE));
	say("one\n");
	assert_int_equal(tap_open(&taps, TAP_ACCESS, &second), 0);
	say("two\n");
	hears(first, "one\ntwo\n");
	hears(second, "two\n");
	hears_nothing(first);
	tap_close(first);
	assert_true(taps_has(&taps, TAP_ACCESS));
	tap_close(second);
	assert_false(taps_has(&taps, TAP_ACCESS));
	tap_close(NULL);
}

/* Of @tap, each number once and rising; the sum of what the lines of losses say. */
static unsigned long check_lines(struct tap *tap, unsigned long *heard, unsigned long *lost)
{
	char *text = malloc(2 * TAP_BYTES), *line, *rest = text;
	unsigned long number, next = 0;
	size_t used = 0;
	ssize_t n;

	while ((n = tap_read(tap, text + used, 1000)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	*heard = *lost = 0;
	while ((line = strsep(&rest, "\n")) && *line) {
		if (sscanf(line, "# %lu lines lost", &number) == 1) {
			*lost += number;
			next += number;
		} else {
			assert_int_equal(strtoul(line, NULL, 10), next);
			next++;
			++*heard;
		}
	}
	free(text);
	return next;
}

static void losses_are_told_where_they_happened(void **state)
{
	unsigned long heard, lost, count = 0;
	struct tap *tap;
	char line[64];

	assert_int_equal(tap_open(&taps, TAP_ACCESS, &tap), 0);
	for (unsigned round = 0; round < 5; round++) {
		unsigned long before = count;

		while (count < before + 100000) {
			snprintf(line, sizeof(line), "%lu with some more text behind it\n", count++ - before);
			say(line);
		}
		assert_int_equal(check_lines(tap, &heard, &lost), 100000);
		assert_true(lost > 1000 && heard > TAP_BYTES / 64);
		hears_nothing(tap);
	}
	tap_close(tap);
}

static void who_frees_room_hears_of_the_loss_before_the_next_line(void **state)
{
	struct tap *tap;
	char *buffer = malloc(TAP_BYTES), kib[1024];
	size_t read = 0;
	ssize_t n;

	memset(kib, '.', sizeof(kib));
	assert_int_equal(tap_open(&taps, TAP_ACCESS, &tap), 0);
	for (unsigned i = 0; i < TAP_BYTES / sizeof(kib) + 2; i++)
		taps_push(&taps, TAP_ACCESS, kib, sizeof(kib));
	assert_int_equal(tap_read(tap, buffer, 4096), 4096);
	say("after\n");
	while ((n = tap_read(tap, buffer, TAP_BYTES)) > 0) {
		read = (size_t)n;
		buffer[MIN(read, TAP_BYTES - 1)] = '\0';
	}
	assert_true(read > 30);
	assert_string_equal(buffer + read - strlen(".# 3 lines lost\nafter\n"), ".# 3 lines lost\nafter\n");
	free(buffer);
	tap_close(tap);
}

static void a_trace_has_one_listener_and_an_end(void **state)
{
	struct trace_record records[4];
	struct tap_figures figures;
	struct tap *tap, *second, *lines;

	assert_int_equal(tap_open(&taps, TAP_TRACE, &tap), 0);
	assert_int_equal(tap_open(&taps, TAP_TRACE, &second), -EBUSY);
	assert_null(second);
	assert_int_equal(tap_open(&taps, TAP_ACCESS, &lines), 0);
	taps_push_record(&taps, (struct trace_record){.id = 1});
	taps_push_record(&taps, (struct trace_record){.id = 2});
	taps_end(&taps, TAP_TRACE, &figures);
	assert_int_equal(figures.listeners, 1);
	assert_int_equal(figures.pushed, 2);
	assert_int_equal(figures.lost, 0);
	assert_false(taps_has(&taps, TAP_TRACE));
	assert_true(taps_has(&taps, TAP_ACCESS));
	taps_push_record(&taps, (struct trace_record){.id = 3});
	assert_int_equal(tap_read(tap, (char *)records, sizeof(records)), 2 * sizeof(*records));
	assert_int_equal(records[0].id, 1);
	assert_int_equal(records[1].id, 2);
	assert_true(records[0].time_us && records[0].time_us <= records[1].time_us);
	assert_int_equal(tap_read(tap, (char *)records, sizeof(records)), 0);
	tap_close(tap);
	taps_end(&taps, TAP_TRACE, &figures);
	assert_int_equal(figures.listeners, 0);
	hears_nothing(lines);
	tap_close(lines);
	assert_int_equal(tap_open(&taps, TAP_TRACE, &tap), 0); /* freed with the taps */
}

static void what_is_lost_of_a_trace_is_counted(void **state)
{
	const unsigned count = TAP_BYTES / sizeof(struct trace_record) + 1000;
	struct tap_figures figures;
	struct tap *tap;

	assert_int_equal(tap_open(&taps, TAP_TRACE, &tap), 0);
	for (unsigned i = 0; i < count; i++)
		taps_push_record(&taps, (struct trace_record){.id = i});
	taps_end(&taps, TAP_TRACE, &figures);
	assert_true(figures.lost >= 1000 && figures.lost < 1100);
	assert_int_equal(figures.pushed + figures.lost, count);
	tap_close(tap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_listener_gets_what_came_since_it_opened, begin, end),
		cmocka_unit_test_setup_teardown(losses_are_told_where_they_happened, begin, end),
		cmocka_unit_test_setup_teardown(
			who_frees_room_hears_of_the_loss_before_the_next_line, begin, end),
		cmocka_unit_test_setup_teardown(a_trace_has_one_listener_and_an_end, begin, end),
		cmocka_unit_test_setup_teardown(what_is_lost_of_a_trace_is_counted, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
