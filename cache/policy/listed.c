#include "cache/policy/listed.h"

static struct listed_reader *reader_of(struct listed *listed, uint32_t thread)
{
	struct listed_reader *reader = &listed->readers[thread % LISTED_THREADS];

	if (reader->thread != thread)
		*reader = (struct listed_reader){.thread = thread};
	return reader;
}

static void trust(struct listed_reader *reader)
{
	reader->trust = LISTED_TRUST;
	reader->asked = 0;
	reader->dir = 0;
}

bool listed_opened(struct listed *listed, uint8_t *dir_use, uint32_t thread, uint64_t dir)
{
	struct listed_reader *reader = reader_of(listed, thread);

	if (reader->trust > 0) {
		reader->trust--;
		return false;
	}
	if (!listed_is_watched(*dir_use) && *dir_use & LISTED_NUMBER) {
		--*dir_use;
		return false;
	}
	*dir_use = LISTED_WATCHED;
	reader->dir = dir;
	reader->asked /= 2;
	return true;
}

void listed_asked(struct listed *listed, uint8_t *dir_use, uint32_t thread, uint64_t dir)
{
	struct listed_reader *reader = reader_of(listed, thread);
	bool many = false;

	if (reader->trust > 0 || !listed_is_watched(*dir_use))
		return;
	if (reader->dir == dir && ++reader->asked >= LISTED_MANY) {
		trust(reader);
		many = true;
	}
	if (many || (++*dir_use & LISTED_NUMBER) >= LISTED_MANY)
		*dir_use = LISTED_ASKED | LISTED_WAIT;
}

void listed_went_on(struct listed *listed, uint8_t *dir_use, uint32_t thread, bool with_attributes)
{
	struct listed_reader *reader = reader_of(listed, thread);
	bool trusted = reader->trust > 0;

	if (with_attributes)
		trust(reader);
	if (trusted)
		return;
	if (with_attributes)
		*dir_use = LISTED_WENT_ON | LISTED_WAIT;
	else if (*dir_use <= LISTED_WAIT)
		*dir_use /= 2;
}
