#include "tools/sievectl/sample.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <string.h>

const char *const sample_lane_names[SAMPLE_LANES] = {
	[SAMPLE_CACHED] = "cached",
	[SAMPLE_PLAIN] = "plain",
	[SAMPLE_TRAILED] = "trailed",
	[SAMPLE_DIRECT] = "direct",
	[SAMPLE_CACHED_WRITE] = "cached-write",
	[SAMPLE_SERVED] = "served",
};

bool sample_lane_has_bytes(enum sample_lane lane)
{
	return lane >= SAMPLE_DIRECT;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* NULL: the member is missing, or no object. */
static JsonObject *member_object(JsonObject *object, const char *name)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;

	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static JsonNode *member_value(JsonObject *object, const char *name)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;

	return node && JSON_NODE_HOLDS_VALUE(node) ? node : NULL;
}

static uint64_t number(JsonObject *object, const char *name)
{
	JsonNode *node = member_value(object, name);
	gint64 value = node ? json_node_get_int(node) : 0;

	return value > 0 ? (uint64_t)value : 0;
}

static double decimal(JsonObject *object, const char *name)
{
	JsonNode *node = member_value(object, name);

	return node ? json_node_get_double(node) : 0;
}

static void copy_string(JsonObject *object, const char *name, char *text, size_t size)
{
	JsonNode *node = member_value(object, name);
	const char *string = node ? json_node_get_string(node) : NULL;

	g_strlcpy(text, string ? string : "", size);
}

static void read_lanes(JsonObject *lanes, struct sample *sample)
{
	for (int i = 0; i < SAMPLE_LANES; i++) {
		JsonObject *lane = member_object(lanes, sample_lane_names[i]);

		sample->lanes[i].opens = number(lane, "opens");
		sample->lanes[i].bytes = number(lane, "read_bytes") + number(lane, "write_bytes");
	}
}

static void read_dirty(JsonObject *dirty, struct sample *sample)
{
	sample->has_dirty = dirty != NULL;
	sample->dirty_bytes = number(dirty, "dirty_bytes");
	sample->writeback_bytes = number(dirty, "writeback_bytes");
	sample->oldest_ms = number(dirty, "oldest_ms");
	sample->dirty_files = number(dirty, "files");
	sample->throttled = number(dirty, "throttled");
}

static void read_operation(JsonObject *operations, const char *name, JsonNode *node, gpointer data)
{
	struct sample *sample = data;
	JsonObject *figures = member_object(operations, name);
	struct sample_operation *operation;

	(void)node;
	if (!figures || sample->operation_count == SAMPLE_OPERATIONS)
		return;
	operation = &sample->operations[sample->operation_count++];
	g_strlcpy(operation->name, name, sizeof(operation->name));
	operation->count = number(figures, "count");
	operation->p50_s = decimal(figures, "p50_seconds");
	operation->p99_s = decimal(figures, "p99_seconds");
	operation->max_s = decimal(figures, "max_seconds");
}

static void read_report(JsonObject *report, struct sample *sample)
{
	JsonObject *cache = member_object(report, "cache"), *trail = member_object(report, "trail");
	JsonObject *direct = member_object(report, "direct");
	JsonObject *operations = member_object(report, "operations");

	copy_string(report, "start_time", sample->start_time, sizeof(sample->start_time));
	copy_string(report, "version", sample->version, sizeof(sample->version));
	copy_string(report, "mountpoint", sample->mountpoint, sizeof(sample->mountpoint));
	sample->pid = number(report, "pid");
	sample->uptime_s = number(report, "uptime");
	read_lanes(member_object(report, "lanes"), sample);
	sample->hits = number(cache, "hits");
	sample->misses = number(cache, "misses");
	sample->objects = number(cache, "objects");
	sample->cached_bytes = number(cache, "object_bytes");
	sample->budget_bytes = number(cache, "budget_bytes");
	read_dirty(member_object(report, "dirty"), sample);
	sample->trail_streams = number(trail, "streams");
	sample->trail_bytes = number(trail, "resident_bytes") + number(trail, "tail_bytes");
	sample->dropped_bytes = number(trail, "dropped_bytes") + number(direct, "dropped_bytes");
	sample->unwritten_bytes = number(direct, "write_memory");
	sample->buffer_bytes = number(direct, "memory");
	if (operations)
		json_object_foreach_member(operations, read_operation, sample);
}

int sample_parse(const char *json, struct sample *sample)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	JsonNode *root;
	JsonObject *report;

	memset(sample, 0, sizeof(*sample));
	root = json_parser_load_from_data(parser, json, -1, NULL) ? json_parser_get_root(parser) : NULL;
	report = root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
	if (!member_object(report, "lanes") || !member_object(report, "cache"))
		return -EPROTO;
	read_report(report, sample);
	return 0;
}

/* --- rates ------------------------------------------------------------------------------------ */

static double grown(uint64_t before, uint64_t after)
{
	return after > before ? (double)(after - before) : 0;
}

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : -1;
}

static uint64_t count_before(const struct sample *before, const char *operation)
{
	for (unsigned i = 0; i < before->operation_count; i++) {
		if (strcmp(before->operations[i].name, operation) == 0)
			return before->operations[i].count;
	}
	return 0;
}

void rates_between(const struct sample *before, const struct sample *after, struct rates *rates)
{
	static const struct sample nothing;
	double seconds = MAX(after->taken_s - before->taken_s, 0.001), hits, misses;

	memset(rates, 0, sizeof(*rates));
	rates->restarted = before->pid != after->pid || strcmp(before->start_time, after->start_time) != 0;
	if (rates->restarted)
		before = &nothing;
	hits = grown(before->hits, after->hits);
	misses = grown(before->misses, after->misses);
	rates->hit_share = share(hits, hits + misses);
	rates->throttled = grown(before->throttled, after->throttled) / seconds;
	rates->dropped_bytes = grown(before->dropped_bytes, after->dropped_bytes) / seconds;
	for (int i = 0; i < SAMPLE_LANES; i++) {
		rates->lanes[i].opens = grown(before->lanes[i].opens, after->lanes[i].opens) / seconds;
		rates->lanes[i].bytes = grown(before->lanes[i].bytes, after->lanes[i].bytes) / seconds;
		rates->opens += rates->lanes[i].opens;
	}
	for (int i = 0; i < SAMPLE_LANES; i++)
		rates->lanes[i].open_share = share(rates->lanes[i].opens, rates->opens);
	for (unsigned i = 0; i < after->operation_count; i++) {
		const struct sample_operation *operation = &after->operations[i];

		rates->operations[i] =
			grown(count_before(before, operation->name), operation->count) / seconds;
	}
}
