/*
 * loan - a buffer that its caller may take back before the request is done.
 *
 * The buffer of a FUSE request over io_uring is the kernel's again with the answer. Who must answer early,
 * since the reader was killed and the disk hangs, takes the buffer back first; that works while the backend
 * waits for something else, and not while the device or a copy writes to it. Caller and backend agree on one
 * atomic word, which the caller owns and sets to LOAN_IN_USE before it submits.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	LOAN_IN_USE, /* the backend may touch the buffer */
	LOAN_RESTS,  /* it will not before loan_resume() */
	LOAN_BACK,   /* the caller has it: the backend never touches it again, and ends with any result */
};

/* The backend's. NULL: a buffer that is never asked back. */
static inline void loan_rest(atomic_int *loan)
{
	if (loan)
		atomic_store(loan, LOAN_RESTS);
}

/* False: it was taken back. */
static inline bool loan_resume(atomic_int *loan)
{
	int expected = LOAN_RESTS;

	return !loan || atomic_compare_exchange_strong(loan, &expected, LOAN_IN_USE);
}

/* The caller's. False: not now. */
static inline bool loan_take_back(atomic_int *loan)
{
	int expected = LOAN_RESTS;

	return atomic_compare_exchange_strong(loan, &expected, LOAN_BACK);
}
