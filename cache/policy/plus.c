#include "cache/policy/plus.h"

static struct plus_reader *reader_of(struct plus *plus, uint32_t thread)
{
	struct plus_reader *reader = &plus->readers[thread % PLUS_THREADS];

	if (reader->thread != thread)
		*reader = (struct plus_reader){.thread = thread};
	return reader;
}

void plus_begin(struct plus *plus, struct plus_list *list, uint32_t thread, bool start, int64_t now_ms)
{
	struct plus_reader *reader = reader_of(plus, thread);
	bool dear = now_ms < plus->dear_until_ms;

	*list = (struct plus_list){.wanted = !start || reader->trust > 0};
	list->looks_up = list->wanted || !dear;
	if (start && dear && reader->trust > 0)
		reader->trust--;
}

void plus_took(struct plus_list *list, int64_t ns)
{
	if (list->in_group == 0 || ns < list->least_ns)
		list->least_ns = ns;
	if (++list->in_group < PLUS_GROUP)
		return;
	list->in_group = 0;
	list->is_timed = true;
	list->is_dear = list->least_ns > PLUS_CHEAP_NS;
	if (list->is_dear && !list->wanted)
		list->looks_up = false;
}

void plus_end(struct plus *plus, const struct plus_list *list, uint32_t thread, uint64_t dir, int64_t now_ms)
{
	struct plus_reader *reader = reader_of(plus, thread);

	if (list->is_timed)
		plus->dear_until_ms = list->is_dear ? now_ms + PLUS_DEAR_MS : 0;
	if (list->looks_up)
		return;
	reader->dir = dir;
	reader->given = list->bare;
	reader->asked = 0;
}

void plus_asked(struct plus *plus, uint32_t thread, uint64_t dir)
{
	struct plus_reader *reader = reader_of(plus, thread);

	if (reader->dir != dir || reader->given == 0)
		return;
	reader->asked++;
	if (2 * reader->asked >= reader->given) {
		reader->trust = PLUS_TRUST;
		reader->dir = 0;
	}
}
