#include "tools/replay/trace.h"

#include "tools/replay/progress.h"
#include "tools/replay/random.h"
#include "tools/replay/trace_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 1 << 12, PROGRESS_EVERY = 1 << 20 };

struct file_state {
	uint64_t size; /* the latest */
	bool seen_twice;
};

/* What is needed only while loading: growing arrays, and an open-addressing table from id to file. */
struct loader {
	struct trace *trace;
	uint64_t open_room, file_room, change_room;
	struct file_state *states; /* by file */
	uint32_t *places;          /* file index + 1, or 0 */
	uint64_t place_count;
};

/* Returns the array with twice the room; NULL: no memory, and the array is as it was. */
static void *grow_array(void *array, uint64_t *room, size_t element_bytes)
{
	uint64_t wanted = *room ? *room * 2 : ROOM_MIN;
	void *grown = realloc(array, wanted * element_bytes);

	if (grown)
		*room = wanted;
	return grown;
}

static uint64_t place_of(const struct loader *l, uint64_t id)
{
	uint64_t i = random_mix(id) & (l->place_count - 1);

	while (l->places[i] && l->trace->files[l->places[i] - 1].id != id)
		i = (i + 1) & (l->place_count - 1);
	return i;
}

static int grow_places(struct loader *l)
{
	uint64_t count = l->place_count ? l->place_count * 2 : ROOM_MIN;
	uint32_t *places = calloc(count, sizeof(*places));

	if (!places)
		return -ENOMEM;
	free(l->places);
	l->places = places;
	l->place_count = count;
	for (uint32_t i = 0; i < l->trace->file_count; i++)
		l->places[place_of(l, l->trace->files[i].id)] = i + 1;
	return 0;
}

static int grow_files(struct loader *l)
{
	uint64_t room = l->file_room, state_room = room;
	struct trace_file *files = grow_array(l->trace->files, &room, sizeof(*files));
	struct file_state *states;

	if (!files)
		return -ENOMEM;
	l->trace->files = files;
	states = grow_array(l->states, &state_room, sizeof(*states));
	if (!states)
		return -ENOMEM;
	l->states = states;
	l->file_room = room;
	return 0;
}

static int add_file(struct loader *l, uint64_t place, const struct trace_event_read *read)
{
	uint32_t i = l->trace->file_count;

	if ((!l->states || i == l->file_room) && grow_files(l) < 0)
		return -ENOMEM;
	if (i == UINT32_MAX - 1)
		return -EOVERFLOW;
	l->trace->files[i] = (struct trace_file){read->id, read->size};
	l->states[i] = (struct file_state){read->size, false};
	l->trace->file_count++;
	l->places[place] = i + 1;
	return l->trace->file_count > l->place_count / 2 ? grow_places(l) : 0;
}

static int add_change(struct loader *l, struct trace_change change)
{
	struct trace *t = l->trace;

	if (!t->changes || t->change_count == l->change_room) {
		struct trace_change *grown = grow_array(t->changes, &l->change_room, sizeof(change));

		if (!grown)
			return -ENOMEM;
		t->changes = grown;
	}
	t->changes[t->change_count++] = change;
	return 0;
}

static int add_open(struct loader *l, uint32_t file, uint64_t size, bool is_new)
{
	struct trace *t = l->trace;

	if (!t->opens || t->open_count == l->open_room) {
		uint32_t *grown = grow_array(t->opens, &l->open_room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->opens = grown;
	}
	if (size != l->states[file].size) {
		l->states[file].size = size;
		if (add_change(l, (struct trace_change){t->open_count, file, false, size}) < 0)
			return -ENOMEM;
	}
	l->states[file].seen_twice |= !is_new;
	t->opens[t->open_count++] = file;
	return 0;
}

static int add(struct loader *l, const struct trace_event_read *read)
{
	uint64_t place = place_of(l, read->id);
	uint32_t file;
	int r = 0;

	if (!l->places[place] || !l->states) {
		if (read->event != TRACE_OPEN)
			return 0;
		file = l->trace->file_count;
		r = add_file(l, place, read);
		return r < 0 ? r : add_open(l, file, read->size, true);
	}
	file = l->places[place] - 1;
	if (read->event == TRACE_OPEN)
		return add_open(l, file, read->size, false);
	return add_change(l, (struct trace_change){l->trace->open_count, file, true, 0});
}

static void total_up(struct loader *l)
{
	struct trace *t = l->trace;

	for (uint32_t i = 0; i < t->file_count; i++) {
		t->working_set += t->files[i].size;
		t->one_hit_count += !l->states[i].seen_twice;
	}
}

static int read_all(struct loader *l, struct trace_reader *reader, char **error)
{
	const char *path = l->trace->path;
	struct progress progress;
	struct trace_event_read read;
	int r;

	progress_start(&progress, "reading %s", path);
	while ((r = trace_reader_next(reader, &read)) > 0) {
		r = add(l, &read);
		if (r < 0)
			break;
		if (reader->record_count % PROGRESS_EVERY == 0)
			progress_tell(
				&progress, "%" PRIu64 " M records", reader->record_count / PROGRESS_EVERY);
	}
	progress_end(&progress);
	if (r < 0 && *reader->wrong)
		*error = reader->line_count
				 ? g_strdup_printf("%s: record %" PRIu64 " (line %" PRIu64 ") %s", path,
					   reader->record_count + 1, reader->line_count, reader->wrong)
				 : g_strdup_printf("%s: record %" PRIu64 " %s", path,
					   reader->record_count + 1, reader->wrong);
	return r;
}

static int load(struct loader *l, struct input *input, char **error)
{
	struct trace_reader reader;
	int r = grow_places(l);

	if (!r)
		r = trace_reader_init(&reader, input);
	if (r == -EBADMSG)
		*error = g_strdup_printf("%s: the zstd stream is damaged or cut off", l->trace->path);
	if (!r)
		r = read_all(l, &reader, error);
	if (!r && !l->trace->open_count) {
		*error = g_strdup_printf("%s: has no opens", l->trace->path);
		r = -EINVAL;
	}
	if (!r)
		total_up(l);
	return r;
}

int trace_load(const char *path, struct trace *trace, char **error)
{
	struct loader l = {.trace = trace};
	struct input *input;
	int r = input_open(path, &input);

	*error = NULL;
	*trace = (struct trace){.path = path};
	if (!r) {
		r = load(&l, input, error);
		input_close(input);
	}
	free(l.places);
	free(l.states);
	if (r < 0) {
		trace_unload(trace);
		if (!*error)
			*error = g_strdup_printf("%s: %s", path, strerror(-r));
	}
	return r;
}

void trace_unload(struct trace *trace)
{
	free(trace->opens);
	free(trace->files);
	free(trace->changes);
	*trace = (struct trace){0};
}

int trace_add_writes(struct trace *trace, double probability, uint64_t seed)
{
	struct trace with = *trace;
	struct loader l = {.trace = &with};
	struct random random = {seed};
	uint64_t old = 0;
	int r = 0;

	with.changes = NULL;
	with.change_count = 0;
	for (uint64_t i = 0; i < trace->open_count && !r; i++) {
		while (!r && old < trace->change_count && trace->changes[old].position == i)
			r = add_change(&l, trace->changes[old++]);
		if (!r && random_unit(&random) < probability)
			r = add_change(&l, (struct trace_change){i, trace->opens[i], true, 0});
	}
	if (r < 0) {
		free(with.changes);
		return r;
	}
	free(trace->changes);
	*trace = with;
	return 0;
}
