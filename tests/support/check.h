/* check - cmocka.h with the headers that it wants before it, and what it lacks. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Ends one test as skipped, saying why. */
#define SKIP_TEST(...)                                      \
	do {                                                \
		print_message("[ SKIPPING ] " __VA_ARGS__); \
		print_message("\n");                        \
		skip();                                     \
	} while (0)
