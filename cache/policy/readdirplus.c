#include "cache/policy/readdirplus.h"

static struct readdirplus_reader *reader_of(struct readdirplus *policy, uint32_t thread)
{
	struct readdirplus_reader *reader = &policy->readers[thread % READDIRPLUS_THREADS];

	if (reader->thread != thread)
		*reader = (struct readdirplus_reader){.thread = thread};
	return reader;
}

void readdirplus_begin(struct readdirplus *policy, struct readdirplus_list *list, uint32_t thread, bool start,
	int64_t now_ms)
{
	struct readdirplus_reader *reader = reader_of(policy, thread);
	bool dear = now_ms < policy->dear_until_ms;

	*list = (struct readdirplus_list){.wanted = !start || reader->trust > 0};
	list->looks_up = list->wanted || !dear;
	if (start && dear && reader->trust > 0)
		reader->trust--;
}

void readdirplus_took(struct readdirplus_list *list, int64_t ns)
{
	if (list->in_group == 0 || ns < list->least_ns)
		list->least_ns = ns;
	if (++list->in_group < READDIRPLUS_GROUP)
		return;
	list->in_group = 0;
	list->is_timed = true;
	list->is_dear = list->least_ns > READDIRPLUS_CHEAP_NS;
	if (list->is_dear && !list->wanted)
		list->looks_up = false;
}

void readdirplus_end(struct readdirplus *policy, const struct readdirplus_list *list, uint32_t thread,
	uint64_t dir, int64_t now_ms)
{
	struct readdirplus_reader *reader = reader_of(policy, thread);

	if (list->is_timed)
		policy->dear_until_ms = list->is_dear ? now_ms + READDIRPLUS_DEAR_MS : 0;
	if (list->looks_up)
		return;
	reader->dir = dir;
	reader->given = list->bare;
	reader->asked = 0;
}

void readdirplus_asked(struct readdirplus *policy, uint32_t thread, uint64_t dir)
{
	struct readdirplus_reader *reader = reader_of(policy, thread);

	if (reader->dir != dir || reader->given == 0)
		return;
	reader->asked++;
	if (2 * reader->asked >= reader->given) {
		reader->trust = READDIRPLUS_TRUST;
		reader->dir = 0;
	}
}
