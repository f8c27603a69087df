/*
 * listed - whether a listing may come from the kernel's cache, or is requested with attributes (READDIRPLUS).
 *
 * Pure; not thread-safe. For file systems on which a lookup is cheap; for others see
 * cache/policy/readdirplus.h. A listing from the kernel's cache makes no request, but brings no attributes:
 * once those that the kernel has are too old, a program that wants them makes a request for each name, where
 * one request with attributes would do for many. So the cache is for programs that read names alone, such as
 * find; ls -l and du list with attributes. They are told by what they do:
 *
 * - Names of files in a directory are looked up after it was listed from the cache. LISTED_MANY of them by
 *   one thread, also in successive directories: that thread gets attributes for its next LISTED_TRUST
 *   directories. As many by any threads: that directory is listed with attributes for the next LISTED_WAIT
 *   times.
 * - The kernel requests a later part of a listing with attributes, which it does if names of the first part
 *   were looked up meanwhile: the same, for both. Each later part that is requested without them halves the
 *   directory's number of times. The end of a listing is no part: in a small directory it takes a single
 *   name that is looked up, whose attributes the kernel may have, for the kernel to ask so.
 *
 * A thread that gets attributes says nothing more about directories: others may still list them from the
 * cache.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	LISTED_THREADS = 128, /* that are remembered; two threads with the same place are taken for one */
	LISTED_MANY = 6,
	LISTED_TRUST = 255,
	LISTED_WAIT = 31,
};

struct listed_reader {
	uint32_t thread;
	uint8_t trust; /* directories left that are listed with attributes */
	uint8_t asked; /* files looked up after listings from the cache; halved with each of them */
	uint64_t dir;  /* the last one that it listed so */
};

/* Zeroed memory is a valid start. */
struct listed {
	struct listed_reader readers[LISTED_THREADS];
};

/* What is known of a directory, in a byte: a kind and a number. Zero is a valid start. */
enum {
	LISTED_NUMBER = 0x3f,
	LISTED_WENT_ON = 0,    /* later parts had attributes: so many times left; 0: nothing is known */
	LISTED_ASKED = 0x40,   /* names were looked up: so many times left */
	LISTED_WATCHED = 0x80, /* listed from the cache; so many names were looked up since */
};

static inline bool listed_is_watched(uint8_t dir_use)
{
	return dir_use & LISTED_WATCHED;
}

/* The thread opens a directory to list it. dir: a number that identifies the directory, not 0. Returns
 * whether the kernel may use its cache. */
bool listed_opened(struct listed *listed, uint8_t *dir_use, uint32_t thread, uint64_t dir);
/* The thread looked up a name in the directory that is a file. */
void listed_asked(struct listed *listed, uint8_t *dir_use, uint32_t thread, uint64_t dir);
/* A part that is not the first is requested, with attributes or without. */
void listed_went_on(struct listed *listed, uint8_t *dir_use, uint32_t thread, bool with_attributes);
