#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache/base/lock_order.h"

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rules = PTHREAD_RWLOCK_INITIALIZER;

/* Runs act() in a child; returns what it prints before it aborts, "" if it does not abort. */
static void last_words(void (*act)(void), char *words, size_t size)
{
	const struct rlimit no_core = {0};
	int ends[2], status;
	ssize_t n, used = 0;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child) {
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		dup2(ends[1], STDERR_FILENO);
		act();
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], words + used, size - 1 - (size_t)used)) > 0)
		used += n;
	words[used] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, used > 0);
}

#define assert_says(act, said)                            \
	do {                                              \
		char words[256];                          \
		last_words(act, words, sizeof(words));    \
		if (!strstr(words, said))                 \
			fail_msg("\"%s\"", words);        \
		if (!*(said))                             \
			assert_string_equal(words, said); \
	} while (0)

static void in_order(void)
{
	for (int i = 0; i < 100; i++) {
		lock_take_to_read(&rules, LOCK_LIVE_RULES);
		lock_take(&first, LOCK_INODE);
		lock_take(&second, LOCK_SHARD);
		lock_drop(&first, LOCK_INODE);
		lock_drop(&second, LOCK_SHARD);
		lock_drop_rw(&rules, LOCK_LIVE_RULES);
	}
}

static void against_it(void)
{
	lock_take(&first, LOCK_SHARD);
	lock_take(&second, LOCK_INODE);
}

static void two_of_a_kind(void)
{
	lock_take(&first, LOCK_INODE);
	lock_take(&second, LOCK_INODE);
}

static void behind_a_later_one_that_was_dropped(void)
{
	lock_take(&first, LOCK_INODE);
	lock_take(&second, LOCK_FDS);
	lock_drop(&second, LOCK_FDS);
	lock_take_to_write(&rules, LOCK_LIVE_RULES);
}

static void now_and_then(void)
{
	lock_take(&first, LOCK_CACHE);
	lock_may_take(LOCK_INODE);
}

static void tried_against_it(void)
{
	lock_take(&first, LOCK_HOST);
	if (lock_take_if_free(&second, LOCK_WINDOW))
		lock_drop(&second, LOCK_WINDOW);
	lock_drop(&first, LOCK_HOST);
	in_order();
}

static void dropped_twice(void)
{
	lock_take(&first, LOCK_INODE);
	lock_drop(&first, LOCK_INODE);
	lock_drop(&first, LOCK_INODE);
}

static void locks_may_be_taken_in_their_order(void **state)
{
	assert_says(in_order, "");
	assert_says(tried_against_it, "");
}

static void another_order_ends_the_program_with_both_names(void **state)
{
	assert_says(against_it, "inode is wanted under shard");
	assert_says(behind_a_later_one_that_was_dropped, "live rules is wanted under inode");
}

static void two_of_a_kind_are_refused(void **state)
{
	assert_says(two_of_a_kind, "inode is wanted under inode");
}

static void what_takes_one_now_and_then_is_refused_at_once(void **state)
{
	assert_says(now_and_then, "inode is wanted under cache");
}

static void dropping_what_is_not_held_is_refused(void **state)
{
	assert_says(dropped_twice, "inode is dropped by a thread that does not hold it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locks_may_be_taken_in_their_order),
		cmocka_unit_test(another_order_ends_the_program_with_both_names),
		cmocka_unit_test(two_of_a_kind_are_refused),
		cmocka_unit_test(what_takes_one_now_and_then_is_refused_at_once),
		cmocka_unit_test(dropping_what_is_not_held_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
