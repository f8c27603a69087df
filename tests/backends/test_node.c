#include "backends/node.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void handles_of_one_file_share_its_node(void **state)
{
	struct node *a, *b, *other_ino, *other_dev;
	struct nodes nodes;

	nodes_init(&nodes);
	a = nodes_get(&nodes, 1, 100);
	b = nodes_get(&nodes, 1, 100);
	other_ino = nodes_get(&nodes, 1, 100 + NODE_BUCKETS);
	other_dev = nodes_get(&nodes, 1 + NODE_BUCKETS, 100);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, other_ino);
	assert_ptr_not_equal(a, other_dev);
	assert_ptr_not_equal(other_ino, other_dev);
	nodes_put(&nodes, a);
	assert_ptr_equal(nodes_get(&nodes, 1, 100), b); /* it lives while one of them does */
	nodes_put(&nodes, b);
	nodes_put(&nodes, b);
	nodes_put(&nodes, other_ino);
	nodes_put(&nodes, other_dev);
	nodes_deinit(&nodes);
}

static void a_change_by_number_is_seen_by_the_handles_of_that_file_alone(void **state)
{
	struct node *node, *other;
	uint64_t before, other_before;
	struct nodes nodes;

	nodes_init(&nodes);
	node = nodes_get(&nodes, 1, 100);
	other = nodes_get(&nodes, 1 + NODE_BUCKETS, 100);
	before = node_generation(node);
	other_before = node_generation(other);
	nodes_changed(&nodes, 1, 101); /* nobody has it open */
	assert_true(node_generation(node) == before);
	nodes_changed(&nodes, 1, 100);
	assert_true(node_generation(node) > before);
	assert_true(node_generation(other) == other_before);
	nodes_put(&nodes, node);
	nodes_put(&nodes, other);
	nodes_deinit(&nodes);
}

static void a_file_opened_anew_has_a_node_without_a_past(void **state)
{
	struct nodes nodes;
	struct node *node;

	nodes_init(&nodes);
	node = nodes_get(&nodes, 1, 100);
	node->window_count = 7;
	nodes_put(&nodes, node);
	node = nodes_get(&nodes, 1, 100);
	assert_int_equal(node->window_count, 0);
	assert_int_equal(node->refs, 1);
	nodes_put(&nodes, node);
	nodes_deinit(&nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(handles_of_one_file_share_its_node),
		cmocka_unit_test(a_change_by_number_is_seen_by_the_handles_of_that_file_alone),
		cmocka_unit_test(a_file_opened_anew_has_a_node_without_a_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
