/* The one linked list that all parts use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/base/list.h"

struct item {
	int number;
	struct list_node node;
};

#define COUNT 4

static struct item items[COUNT];
static struct list list;

static int start_empty(void **state)
{
	list = (struct list){0};
	for (int i = 0; i < COUNT; i++)
		items[i] = (struct item){.number = i};
	return 0;
}

static void push_all_last(void)
{
	for (int i = 0; i < COUNT; i++)
		list_push_last(&list, &items[i].node);
}

/* These numbers in this order, whichever end one begins at. */
static void assert_order(const int *numbers, int count)
{
	const struct list_node *node;
	struct item *item;
	int i = 0;

	list_for_each (item, &list, node) {
		assert_true(i < count);
		assert_int_equal(item->number, numbers[i++]);
	}
	assert_int_equal(i, count);
	for (node = list.last; node; node = node->prev)
		assert_int_equal(list_entry(node, struct item, node)->number, numbers[--i]);
	assert_int_equal(i, 0);
}

#define assert_list(...) \
	assert_order((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void a_zeroed_list_is_empty(void **state)
{
	assert_order(NULL, 0);
	assert_null(list_entry(list.first, struct item, node));
	assert_null(list_entry(list.last, struct item, node));
	assert_false(list_has(&list, &items[0].node));
}

static void what_is_pushed_last_comes_last(void **state)
{
	push_all_last();
	assert_list(0, 1, 2, 3);
}

static void what_is_pushed_first_comes_first(void **state)
{
	for (int i = 0; i < COUNT; i++)
		list_push_first(&list, &items[i].node);
	assert_list(3, 2, 1, 0);
}

static void the_first_the_last_and_one_between_can_be_removed(void **state)
{
	push_all_last();
	list_remove(&list, &items[1].node);
	assert_list(0, 2, 3);
	list_remove(&list, &items[0].node);
	assert_list(2, 3);
	list_remove(&list, &items[3].node);
	assert_list(2);
	list_remove(&list, &items[2].node);
	assert_order(NULL, 0);
}

static void a_list_knows_the_nodes_in_it(void **state)
{
	push_all_last();
	for (int i = 0; i < COUNT; i++)
		assert_true(list_has(&list, &items[i].node));
	for (int i = 0; i < COUNT; i++) {
		list_remove(&list, &items[i].node);
		assert_false(list_has(&list, &items[i].node));
	}
}

static void what_was_removed_can_be_pushed_again(void **state)
{
	push_all_last();
	list_remove(&list, &items[0].node);
	list_push_last(&list, &items[0].node);
	assert_list(1, 2, 3, 0);
	list_remove(&list, &items[3].node);
	list_push_first(&list, &items[3].node);
	assert_list(3, 1, 2, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_zeroed_list_is_empty, start_empty),
		cmocka_unit_test_setup(what_is_pushed_last_comes_last, start_empty),
		cmocka_unit_test_setup(what_is_pushed_first_comes_first, start_empty),
		cmocka_unit_test_setup(the_first_the_last_and_one_between_can_be_removed, start_empty),
		cmocka_unit_test_setup(a_list_knows_the_nodes_in_it, start_empty),
		cmocka_unit_test_setup(what_was_removed_can_be_pushed_again, start_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
