#include "cache/policy/rules.h"

#include "cache/policy/glob.h"
#include "cache/policy/rules_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct range {
	uint64_t from, to;
};

enum open_for { OPEN_ANY, OPEN_READ, OPEN_WRITE };

struct rule {
	char *section;
	char **paths;   /* NULL: any */
	GArray *owners; /* uint32_t; NULL: any */
	struct range size, age_s;
	enum open_for open;
	bool has_lane, has_write, has_pin, has_priority, has_revalidate;
	enum lane lane;
	bool through;
	bool pin;
	enum rule_priority priority;
	uint64_t revalidate_s;
};

struct rules {
	GPtrArray *rules;
};

static void rule_free(void *data)
{
	struct rule *rule = data;

	g_free(rule->section);
	g_strfreev(rule->paths);
	if (rule->owners)
		g_array_unref(rule->owners);
	g_free(rule);
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	g_ptr_array_unref(rules->rules);
	g_free(rules);
}

unsigned rules_count(const struct rules *rules)
{
	return rules ? rules->rules->len : 0;
}

static int parse_path(struct rule *rule, struct rules_line *line)
{
	rule->paths = rules_split(line->value);
	if (!rule->paths[0])
		return rules_complain(line, "it takes patterns such as *.o or /src/**");
	for (char **p = rule->paths; *p; p++) {
		const char *wrong = glob_check(*p);

		if (wrong)
			return rules_complain(line, "'%s' is %s", *p, wrong);
	}
	return 0;
}

static int parse_owner(struct rule *rule, struct rules_line *line)
{
	g_auto(GStrv) names = rules_split(line->value);

	if (!names[0])
		return rules_complain(line, "it takes user names or numbers");
	rule->owners = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	for (char **name = names; *name; name++) {
		uint64_t number;
		uint32_t uid;

		if (g_ascii_string_to_unsigned(*name, 10, 0, UINT32_MAX - 1, &number, NULL))
			uid = number;
		else if (!line->find_user || !line->find_user(*name, &uid))
			return rules_complain(line, "there is no user '%s'", *name);
		g_array_append_val(rule->owners, uid);
	}
	return 0;
}

static int parse_range(
	struct range *range, struct rules_line *line, const struct rules_unit *units, const char *takes)
{
	g_auto(GStrv) ends = g_strsplit(line->value, "..", 2);
	bool is_range = ends[0] && ends[1];

	*range = (struct range){0, UINT64_MAX};
	if (!is_range || (!*g_strstrip(ends[0]) && !*g_strstrip(ends[1])))
		return rules_complain(line, "it takes %s", takes);
	if ((*ends[0] && !rules_number(ends[0], units, &range->from)) ||
		(*g_strstrip(ends[1]) && !rules_number(ends[1], units, &range->to)))
		return rules_complain(line, "it takes %s", takes);
	if (range->from > range->to)
		return rules_complain(line, "the range begins above its end");
	return 0;
}

static int parse_size(struct rule *rule, struct rules_line *line)
{
	return parse_range(&rule->size, line, rules_bytes, "a range of sizes such as 4K..1M, ..64K or 32M..");
}

static int parse_age(struct rule *rule, struct rules_line *line)
{
	return parse_range(
		&rule->age_s, line, rules_seconds, "a range of ages such as ..10m, 1h..7d or 2w..");
}

/* The place of value among words, or -1 with a complaint. */
static int parse_word(struct rules_line *line, const char *const *words, const char *takes)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(line->value, words[i]))
			return i;
	rules_complain(line, "it takes %s", takes);
	return -1;
}

static int parse_open(struct rule *rule, struct rules_line *line)
{
	static const char *const words[] = {"read", "write", NULL};
	int i = parse_word(line, words, "read or write");

	rule->open = i == 0 ? OPEN_READ : OPEN_WRITE;
	return i < 0 ? -EINVAL : 0;
}

static int parse_lane(struct rule *rule, struct rules_line *line)
{
	static const char *const words[] = {"cached", "plain", "direct", "trailed", NULL};
	static const enum lane lanes[] = {LANE_CACHED, LANE_PLAIN, LANE_DIRECT, LANE_TRAILED};
	int i = parse_word(line, words, "cached, plain, direct or trailed");

	if (i < 0)
		return -EINVAL;
	rule->has_lane = true;
	rule->lane = lanes[i];
	return 0;
}

static int parse_write(struct rule *rule, struct rules_line *line)
{
	static const char *const words[] = {"around", "through", NULL};
	int i = parse_word(line, words, "around or through");

	rule->has_write = true;
	rule->through = i > 0;
	return i < 0 ? -EINVAL : 0;
}

static int parse_pin(struct rule *rule, struct rules_line *line)
{
	static const char *const words[] = {"false", "true", NULL};
	int i = parse_word(line, words, "true or false");

	rule->has_pin = true;
	rule->pin = i > 0;
	return i < 0 ? -EINVAL : 0;
}

static int parse_priority(struct rule *rule, struct rules_line *line)
{
	static const char *const words[] = {"low", "normal", "high", NULL};
	int i = parse_word(line, words, "low, normal or high");

	rule->has_priority = true;
	rule->priority = i + PRIORITY_LOW;
	return i < 0 ? -EINVAL : 0;
}

#define REVALIDATE_MAX_S (366ull * 86400) /* as for the option revalidate */

static int parse_revalidate(struct rule *rule, struct rules_line *line)
{
	rule->has_revalidate = true;
	if (rules_number(line->value, rules_seconds, &rule->revalidate_s) &&
		rule->revalidate_s <= REVALIDATE_MAX_S)
		return 0;
	return rules_complain(line, "it takes a time such as 0, 10s, 5m, 1h or 7d, at most 366d");
}

static const struct {
	const char *key;
	int (*parse)(struct rule *rule, struct rules_line *line);
} keys[] = {
	{"path", parse_path},
	{"size", parse_size},
	{"owner", parse_owner},
	{"age", parse_age},
	{"open", parse_open},
	{"lane", parse_lane},
	{"write", parse_write},
	{"pin", parse_pin},
	{"priority", parse_priority},
	{"revalidate", parse_revalidate},
};

static int add_section(void *ctx, struct rules_line *line)
{
	struct rules *rules = ctx;
	struct rule *rule = g_new0(struct rule, 1);

	rule->section = g_strdup(line->section);
	rule->size = rule->age_s = (struct range){0, UINT64_MAX};
	g_ptr_array_add(rules->rules, rule);
	return 0;
}

static int add_key(void *ctx, struct rules_line *line)
{
	struct rules *rules = ctx;
	struct rule *rule = g_ptr_array_index(rules->rules, rules->rules->len - 1);

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
		if (!strcmp(keys[i].key, line->key))
			return keys[i].parse(rule, line);
	return rules_complain(line,
		"there is no such key; it takes path, size, owner, age, open, lane, write, pin, priority or "
		"revalidate");
}

static int end_section(void *ctx, struct rules_line *line)
{
	struct rules *rules = ctx;
	const struct rule *rule = g_ptr_array_index(rules->rules, rules->rules->len - 1);

	if (rule->has_lane || rule->has_write || rule->has_pin || rule->has_priority || rule->has_revalidate)
		return 0;
	return rules_complain(line,
		"section [%s] decides nothing; it needs lane, write, pin, priority or revalidate",
		rule->section);
}

int rules_parse(const char *text, size_t size, rules_find_user *find_user, struct rules **rules, char **error)
{
	const struct rules_visitor visitor = {add_section, add_key, end_section};
	struct rules *parsed = g_new0(struct rules, 1);
	int r;

	parsed->rules = g_ptr_array_new_with_free_func(rule_free);
	r = rules_read_text(text, size, find_user, &visitor, parsed, error);
	if (r < 0) {
		rules_free(parsed);
		return r;
	}
	*rules = parsed;
	return 0;
}

static bool is_within(const struct range *range, uint64_t value)
{
	return value >= range->from && value <= range->to;
}

static bool matches_path(const struct rule *rule, const char *path)
{
	for (char **p = rule->paths; p && *p; p++)
		if (glob_match(*p, path))
			return true;
	return !rule->paths;
}

static bool matches_owner(const struct rule *rule, uint32_t owner)
{
	for (guint i = 0; rule->owners && i < rule->owners->len; i++)
		if (g_array_index(rule->owners, uint32_t, i) == owner)
			return true;
	return !rule->owners;
}

static bool matches(const struct rule *rule, const struct rule_facts *facts)
{
	if (rule->open != OPEN_ANY && (rule->open == OPEN_WRITE) != facts->writes)
		return false;
	return is_within(&rule->size, facts->size) && is_within(&rule->age_s, facts->age_s) &&
	       matches_owner(rule, facts->owner) && matches_path(rule, facts->path);
}

void rules_match(const struct rules *rules, const struct rule_facts *facts, struct rule_decision *decision)
{
	bool has_pin = false, has_priority = false;

	*decision = (struct rule_decision){.priority = PRIORITY_NORMAL};
	for (unsigned i = 0; i < rules_count(rules); i++) {
		const struct rule *rule = g_ptr_array_index(rules->rules, i);

		if (!matches(rule, facts))
			continue;
		if (!decision->section)
			decision->section = rule->section;
		if (rule->has_lane && !decision->has_lane) {
			decision->has_lane = true;
			decision->lane = rule->lane;
			decision->section = rule->section;
		}
		if (rule->has_write && !decision->has_write) {
			decision->has_write = true;
			decision->through = rule->through;
		}
		if (rule->has_revalidate && !decision->has_revalidate) {
			decision->has_revalidate = true;
			decision->revalidate_s = rule->revalidate_s;
		}
		if (rule->has_pin && !has_pin)
			decision->pin = rule->pin;
		if (rule->has_priority && !has_priority)
			decision->priority = rule->priority;
		has_pin |= rule->has_pin;
		has_priority |= rule->has_priority;
	}
}
