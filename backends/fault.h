/*
 * fault - a plan of faults, for tests: which requests fail, and how.
 *
 * A plan is written as rules with commas between: PLACE:FAULT[@OFFSET][#NTH]
 *
 * PLACE:
 *   - read, write: what callers ask of the backend
 *   - device-read, device-write: what the backend asks of the disk; its own retries and readahead see these
 *
 * FAULT:
 *   - delay=200ms, delay=10s: answered so much later
 *   - hang: answered when the plan is released
 *   - short: the disk moves half of it (device only, where short counts are allowed)
 *   - eio, enospc, edquot
 *
 * @OFFSET: only requests that reach this byte of their file (K, M, G). #NTH: only the Nth such request, from
 * 1.
 *
 * Example: read:delay=200ms,write:enospc@1M,device-read:eio@8M#2
 */
#pragma once

#include "cache/base/list.h"
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum fault_place {
	FAULT_READ,
	FAULT_WRITE,
	FAULT_DEVICE_READ,
	FAULT_DEVICE_WRITE,
};

enum {
	FAULT_RULES_MAX = 16,
};

struct fault_rule {
	enum fault_place place;
	uint64_t delay_ns;
	bool hang;
	bool shorten;
	int error; /* an errno, or 0 */
	off_t offset;
	uint64_t nth;  /* 0: every one */
	uint64_t seen; /* under the plan's lock */
};

/* Something that is delayed; embedded in or allocated by the code that delays it. */
struct fault_delayed {
	struct list_node node;
	uint64_t due_ns;
	void (*run)(struct fault_delayed *delayed);
};

struct fault_plan {
	struct fault_rule rules[FAULT_RULES_MAX];
	unsigned rule_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list delayed;
	bool released; /* nothing hangs any more */
	bool stopping;
	pthread_t thread;
};

/* The fault of a request. All zero: none. */
struct fault_verdict {
	uint64_t delay_ns;
	bool hang;
	bool shorten;
	int error;
};

/* 0 and a plan for fault_plan_free(), or -errno; -EINVAL with a line in why that names the rule. */
int fault_plan_new(const char *text, struct fault_plan **plan, char *why, size_t why_size);

/* Everything that hangs or is delayed runs now. NULL is fine. */
void fault_plan_free(struct fault_plan *plan);

bool fault_plan_has_device_rules(const struct fault_plan *plan);

struct fault_verdict fault_meet(struct fault_plan *plan, enum fault_place place, off_t offset, size_t size);

/* Runs it in the plan's thread when the verdict's delay is over. */
void fault_delay(struct fault_plan *plan, const struct fault_verdict *verdict, struct fault_delayed *delayed);

/* What hangs goes on, and nothing hangs from now on. */
void fault_release(struct fault_plan *plan);
