/* check - cmocka.h, the headers that must precede it, and what it lacks. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Skips the present test and prints why. */
#define SKIP_TEST(...)                                      \
	do {                                                \
		print_message("[ SKIPPING ] " __VA_ARGS__); \
		print_message("\n");                        \
		skip();                                     \
	} while (0)
