#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache/policy/open_code.h"

#define COUNT 60000

static uint16_t files[COUNT], tokens[COUNT];
static struct open_code code;

/* Returns the number of tokens. */
static uint32_t encode(void)
{
	uint32_t count = 0;

	memset(&code, 0, sizeof(code));
	for (uint32_t i = 0; i < COUNT; i++)
		count += open_code_add(&code, files[i], count ? &tokens[count - 1] : NULL, &tokens[count]);
	return count;
}

static void decodes_to_the_same(uint32_t token_count)
{
	uint32_t at = 0;

	memset(&code, 0, sizeof(code));
	for (uint32_t i = 0; i < token_count; i++)
		for (uint32_t n = open_code_count(tokens[i]); n; n--)
			assert_int_equal(open_code_next(&code, tokens[i]), files[at++]);
	assert_int_equal(at, COUNT);
}

static void what_comes_again_in_order_takes_next_to_nothing(void **state)
{
	uint32_t count;

	for (uint32_t i = 0; i < COUNT; i++)
		files[i] = (uint16_t)(i % 600);
	count = encode();
	assert_true(count < 100);
	decodes_to_the_same(count);
}

static void new_files_take_next_to_nothing(void **state)
{
	uint32_t count;

	for (uint32_t i = 0; i < COUNT; i++)
		files[i] = (uint16_t)(i < OPEN_CODE_FILES ? i : 7);
	count = encode();
	assert_true(count < 100);
	decodes_to_the_same(count);
}

static void what_is_at_random_takes_a_token_each_at_most(void **state)
{
	uint32_t count;

	srandom(1);
	for (uint32_t i = 0; i < COUNT; i++)
		files[i] = (uint16_t)(random() % OPEN_CODE_FILES);
	count = encode();
	assert_in_range(count, COUNT * 9 / 10, COUNT);
	decodes_to_the_same(count);
}

static void a_mixture_decodes_to_the_same(void **state)
{
	srandom(2);
	for (uint32_t i = 0; i < COUNT; i++)
		files[i] =
			(uint16_t)(random() % 10 ? (i ? files[i - 1] * 31 + 7 : 0) % 2000 : random() % 50000);
	decodes_to_the_same(encode());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_again_in_order_takes_next_to_nothing),
		cmocka_unit_test(new_files_take_next_to_nothing),
		cmocka_unit_test(what_is_at_random_takes_a_token_each_at_most),
		cmocka_unit_test(a_mixture_decodes_to_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
