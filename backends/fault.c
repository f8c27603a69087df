#include "backends/fault.h"
#include "backends/engine_impl.h"
#include "cache/base/clock.h"
#include "cache/base/lock_order.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX

static const char *const places[] = {
	[FAULT_READ] = "read:",
	[FAULT_WRITE] = "write:",
	[FAULT_DEVICE_READ] = "device-read:",
	[FAULT_DEVICE_WRITE] = "device-write:",
};

static const struct {
	const char *name;
	int error;
} errors[] = {{"eio", EIO}, {"enospc", ENOSPC}, {"edquot", EDQUOT}};

static bool parse_word(const char **text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*text, word, length))
		return false;
	*text += length;
	return true;
}

static bool parse_number(const char **text, uint64_t *number)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	*number = strtoull(*text, &end, 10);
	*text = end;
	return true;
}

static bool parse_delay(const char **text, uint64_t *delay_ns)
{
	if (!parse_number(text, delay_ns))
		return false;
	if (parse_word(text, "ms"))
		*delay_ns *= CLOCK_NS_PER_MS;
	else if (parse_word(text, "s"))
		*delay_ns *= CLOCK_NS_PER_S;
	else
		return false;
	return true;
}

static bool parse_kind(const char **text, struct fault_rule *rule)
{
	if (parse_word(text, "delay="))
		return parse_delay(text, &rule->delay_ns);
	if (parse_word(text, "hang"))
		return (rule->hang = true);
	if (parse_word(text, "short"))
		return (rule->shorten =
				rule->place == FAULT_DEVICE_READ || rule->place == FAULT_DEVICE_WRITE);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (parse_word(text, errors[i].name)) {
			rule->error = errors[i].error;
			return true;
		}
	}
	return false;
}

static bool parse_offset(const char **text, off_t *offset)
{
	uint64_t number;

	if (!parse_number(text, &number))
		return false;
	if (parse_word(text, "K"))
		number <<= 10;
	else if (parse_word(text, "M"))
		number <<= 20;
	else if (parse_word(text, "G"))
		number <<= 30;
	*offset = number;
	return true;
}

static bool parse_rule(const char **text, struct fault_rule *rule)
{
	size_t place = 0;

	while (place < sizeof(places) / sizeof(places[0]) && !parse_word(text, places[place]))
		place++;
	if (place == sizeof(places) / sizeof(places[0]))
		return false;
	rule->place = place;
	if (!parse_kind(text, rule))
		return false;
	if (parse_word(text, "@") && !parse_offset(text, &rule->offset))
		return false;
	if (parse_word(text, "#") && (!parse_number(text, &rule->nth) || !rule->nth))
		return false;
	return **text == '\0' || **text == ',';
}

static int plan_parse(struct fault_plan *plan, const char *text, char *why, size_t why_size)
{
	while (*text) {
		const char *rule = text;

		if (plan->rule_count == FAULT_RULES_MAX) {
			snprintf(why, why_size, "faults: more than %d rules", FAULT_RULES_MAX);
			return -EINVAL;
		}
		if (!parse_rule(&text, &plan->rules[plan->rule_count++])) {
			snprintf(why, why_size,
				"faults: \"%.*s\" is not PLACE:FAULT[@OFFSET][#NTH], as in read:delay=200ms "
				"or write:enospc@1M",
				(int)strcspn(rule, ","), rule);
			return -EINVAL;
		}
		if (*text == ',')
			text++;
	}
	return 0;
}

/* The lock must be held. Removes and returns one that is due, or returns NULL and the time of the next. */
static struct fault_delayed *plan_take_due(struct fault_plan *plan, uint64_t *next_ns)
{
	uint64_t now = clock_now_ns();
	struct fault_delayed *delayed;

	*next_ns = NEVER;
	list_for_each (delayed, &plan->delayed, node) {
		if (plan->stopping || delayed->due_ns <= now ||
			(delayed->due_ns == NEVER && plan->released)) {
			list_remove(&plan->delayed, &delayed->node);
			return delayed;
		}
		if (delayed->due_ns < *next_ns)
			*next_ns = delayed->due_ns;
	}
	return NULL;
}

static void plan_wait(struct fault_plan *plan, uint64_t until_ns)
{
	struct timespec until = clock_timespec(until_ns);

	if (until_ns == NEVER)
		pthread_cond_wait(&plan->changed, &plan->lock);
	else
		pthread_cond_timedwait(&plan->changed, &plan->lock, &until);
}

static void *plan_run(void *context)
{
	struct fault_plan *plan = context;
	struct fault_delayed *due;
	uint64_t next_ns;

	lock_take(&plan->lock, LOCK_FAULT);
	while ((due = plan_take_due(plan, &next_ns)) || !plan->stopping) {
		if (!due) {
			plan_wait(plan, next_ns);
			continue;
		}
		lock_drop(&plan->lock, LOCK_FAULT);
		due->run(due);
		lock_take(&plan->lock, LOCK_FAULT);
	}
	lock_drop(&plan->lock, LOCK_FAULT);
	return NULL;
}

int fault_plan_new(const char *text, struct fault_plan **out, char *why, size_t why_size)
{
	struct fault_plan *plan = calloc(1, sizeof(*plan));
	pthread_condattr_t monotonic;
	int r;

	if (!plan)
		return -ENOMEM;
	r = plan_parse(plan, text, why, why_size);
	if (r < 0) {
		free(plan);
		return r;
	}
	pthread_mutex_init(&plan->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&plan->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r = engine_thread_start(&plan->thread, "sieve-faults", plan_run, plan);
	if (r < 0) {
		pthread_cond_destroy(&plan->changed);
		pthread_mutex_destroy(&plan->lock);
		free(plan);
		return r;
	}
	*out = plan;
	return 0;
}

void fault_plan_free(struct fault_plan *plan)
{
	if (!plan)
		return;
	lock_take(&plan->lock, LOCK_FAULT);
	plan->stopping = true;
	plan->released = true;
	pthread_cond_broadcast(&plan->changed);
	lock_drop(&plan->lock, LOCK_FAULT);
	pthread_join(plan->thread, NULL);
	pthread_cond_destroy(&plan->changed);
	pthread_mutex_destroy(&plan->lock);
	free(plan);
}

bool fault_plan_has_device_rules(const struct fault_plan *plan)
{
	for (unsigned i = 0; i < plan->rule_count; i++) {
		if (plan->rules[i].place == FAULT_DEVICE_READ || plan->rules[i].place == FAULT_DEVICE_WRITE)
			return true;
	}
	return false;
}

struct fault_verdict fault_meet(struct fault_plan *plan, enum fault_place place, off_t offset, size_t size)
{
	struct fault_verdict verdict = {0};

	lock_take(&plan->lock, LOCK_FAULT);
	for (unsigned i = 0; i < plan->rule_count; i++) {
		struct fault_rule *rule = &plan->rules[i];

		if (rule->place != place || offset + (off_t)size <= rule->offset)
			continue;
		if (rule->nth && ++rule->seen != rule->nth)
			continue;
		verdict.delay_ns += rule->delay_ns;
		verdict.hang |= rule->hang && !plan->released;
		verdict.shorten |= rule->shorten;
		if (rule->error)
			verdict.error = rule->error;
	}
	lock_drop(&plan->lock, LOCK_FAULT);
	return verdict;
}

void fault_delay(struct fault_plan *plan, const struct fault_verdict *verdict, struct fault_delayed *delayed)
{
	delayed->due_ns = verdict->hang ? NEVER : clock_now_ns() + verdict->delay_ns;
	lock_take(&plan->lock, LOCK_FAULT);
	list_push_first(&plan->delayed, &delayed->node);
	pthread_cond_broadcast(&plan->changed);
	lock_drop(&plan->lock, LOCK_FAULT);
}

void fault_release(struct fault_plan *plan)
{
	lock_take(&plan->lock, LOCK_FAULT);
	plan->released = true;
	pthread_cond_broadcast(&plan->changed);
	lock_drop(&plan->lock, LOCK_FAULT);
}
