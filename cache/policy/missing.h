/*
 * missing - whether the kernel may cache for a short time that a name does not exist.
 *
 * Compilers, interpreters and shells look for each file in all directories of a search path: most of their
 * look-ups are of names that do not exist, the same ones again and again. But a program that finds a file
 * missing, has it made directly in SOURCE and opens it must find it. So only a name that was missing before,
 * in the same MISSING_EPOCH_MS, may be cached: a name is looked up at least once in each, and at least once
 * in MISSING_MS.
 *
 * Names are remembered by a hash, so now and then one is taken for another. Any thread may ask;
 * races lose at most what was remembered.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	MISSING_MS = 200, /* that the kernel may cache a name */
	MISSING_EPOCH_MS = 10000,
	MISSING_SETS = 2048,
	MISSING_WAYS = 8, /* of a set, of which the oldest leaves */
};

/* 64 KiB. Zeroed memory is a valid start. */
struct missing {
	_Atomic uint32_t tags[MISSING_SETS][MISSING_WAYS]; /* newest first; 0: none */
};

/* The name was looked up in dir, a number that identifies the directory, and does not exist. Returns whether
 * the kernel may cache that. now_ms: of any monotonic clock. */
bool missing_again(struct missing *missing, uint64_t dir, const char *name, int64_t now_ms);
