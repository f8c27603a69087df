/*
 * open_code - stores a sequence of opens in few bytes, since programs open the same files in the same order
 * again and again.
 *
 * After three opens, the one that followed the same three the last time is expected (LZP: Bloom, "LZP: a new
 * data compression algorithm", DCC 1996). As long as the expected files are opened, or files that were not
 * opened before, an open only increments a count. A token has 16 bits: the number of a file, a count of opens
 * as expected, or a count of opens of new files.
 *
 * Pure: no I/O, no locks, no clock, no memory of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define OPEN_CODE_FILES 57344 /* numbers from 0 on; the rest of 16 bits are counts */
#define OPEN_CODE_RUN_MAX 4096
#define OPEN_CODE_EXPECTED OPEN_CODE_FILES
#define OPEN_CODE_NEW (OPEN_CODE_EXPECTED + OPEN_CODE_RUN_MAX)
#define OPEN_CODE_CONTEXTS (1 << 15)

/* The state of encoder and decoder: zeroed at first, and the same on both sides after the same opens. */
struct open_code {
	uint16_t followed[OPEN_CODE_CONTEXTS]; /* 1 + the file, or 0 */
	uint16_t last[3];
	uint16_t next_file; /* one more than the largest number so far */
};

static inline uint16_t *open_code_context(struct open_code *c)
{
	uint64_t last = (uint64_t)c->last[0] << 32 | (uint64_t)c->last[1] << 16 | c->last[2];

	return &c->followed[last * 0x9e3779b97f4a7c15ULL >> (64 - 15)];
}

/* The token of the next open: a count of one, or the number of the file. */
static inline uint16_t open_code_token(struct open_code *c, uint16_t file)
{
	if (*open_code_context(c) == file + 1)
		return OPEN_CODE_EXPECTED;
	return file == c->next_file ? OPEN_CODE_NEW : file;
}

static inline void open_code_saw(struct open_code *c, uint16_t file)
{
	*open_code_context(c) = (uint16_t)(file + 1);
	c->last[0] = c->last[1];
	c->last[1] = c->last[2];
	c->last[2] = file;
	if (file >= c->next_file)
		c->next_file = (uint16_t)(file + 1);
}

/* Whether the open can be added to the count of the newest token. */
static inline bool open_code_continues(uint16_t token, uint16_t newest)
{
	return token >= OPEN_CODE_FILES && newest >= token && newest - token < OPEN_CODE_RUN_MAX - 1;
}

/* Adds an open to the tokens, whose newest is *newest (NULL: there is none). True: append *token. */
static inline bool open_code_add(struct open_code *c, uint16_t file, uint16_t *newest, uint16_t *token)
{
	*token = open_code_token(c, file);
	open_code_saw(c, file);
	if (!newest || !open_code_continues(*token, *newest))
		return true;
	++*newest;
	return false;
}

/* How many opens a token stands for. */
static inline uint32_t open_code_count(uint16_t token)
{
	return token < OPEN_CODE_FILES ? 1 : token % OPEN_CODE_RUN_MAX + 1U;
}

/* The next open of a token. */
static inline uint16_t open_code_next(struct open_code *c, uint16_t token)
{
	uint16_t file = token;

	if (token >= OPEN_CODE_NEW)
		file = c->next_file;
	else if (token >= OPEN_CODE_EXPECTED)
		file = (uint16_t)(*open_code_context(c) - 1);
	open_code_saw(c, file);
	return file;
}

_Static_assert(OPEN_CODE_FILES % OPEN_CODE_RUN_MAX == 0, "a token's count is its lower bits");
