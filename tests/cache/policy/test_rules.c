#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/policy/rules.h"

static bool find_user(const char *name, uint32_t *uid)
{
	*uid = 1000;
	return !strcmp(name, "alice");
}

static struct rules *parse(const char *text)
{
	struct rules *rules;
	char *error;

	if (rules_parse(text, strlen(text), find_user, &rules, &error) < 0)
		fail_msg("%s", error);
	return rules;
}

static void refuse(const char *text, const char *begin, const char *words)
{
	struct rules *rules = NULL;
	char *error = NULL;

	assert_true(rules_parse(text, strlen(text), find_user, &rules, &error) < 0);
	assert_null(rules);
	assert_non_null(error);
	if (strncmp(error, begin, strlen(begin)) || !strstr(error, words) || strchr(error, '\n'))
		fail_msg("'%s' does not begin with '%s' and say '%s'", error, begin, words);
	free(error);
}

static struct rule_decision decide(const struct rules *rules, struct rule_facts facts)
{
	struct rule_decision decision;

	rules_match(rules, &facts, &decision);
	return decision;
}

static void no_rules_decide_nothing(void **state)
{
	struct rules *rules = parse("# nothing\n\n");
	struct rule_decision d = decide(rules, (struct rule_facts){.path = "/a"});

	assert_int_equal(rules_count(rules), 0);
	assert_false(d.has_lane);
	assert_false(d.pin);
	assert_int_equal(d.priority, PRIORITY_NORMAL);
	assert_null(d.section);
	d = decide(NULL, (struct rule_facts){.path = "/a"});
	assert_false(d.has_lane);
	rules_free(rules);
	rules_free(NULL);
}

static void each_condition_narrows(void **state)
{
	struct rules *rules = parse("[r]\n"
				    "path = *.log; /var/**\n"
				    "size=4K..1M\n"
				    "owner=alice;7\n"
				    "age=1h..2w\n"
				    "open=read\n"
				    "lane=plain\n");
	const struct rule_facts fits = {.path = "/x/a.log", .size = 4096, .owner = 1000, .age_s = 3600};
	struct rule_facts facts;

	assert_true(decide(rules, fits).has_lane);
	assert_int_equal(decide(rules, fits).lane, LANE_PLAIN);
	assert_string_equal(decide(rules, fits).section, "r");
	facts = fits, facts.path = "/x/a.txt";
	assert_false(decide(rules, facts).has_lane);
	facts.path = "/var/a.txt";
	assert_true(decide(rules, facts).has_lane);
	facts = fits, facts.size = 4095;
	assert_false(decide(rules, facts).has_lane);
	facts.size = 1 << 20;
	assert_true(decide(rules, facts).has_lane);
	facts.size++;
	assert_false(decide(rules, facts).has_lane);
	facts = fits, facts.owner = 8;
	assert_false(decide(rules, facts).has_lane);
	facts.owner = 7;
	assert_true(decide(rules, facts).has_lane);
	facts = fits, facts.age_s = 3599;
	assert_false(decide(rules, facts).has_lane);
	facts.age_s = 2 * 604800 + 1;
	assert_false(decide(rules, facts).has_lane);
	facts = fits, facts.writes = true;
	assert_false(decide(rules, facts).has_lane);
	rules_free(rules);
}

static void the_first_section_that_says_it_decides(void **state)
{
	struct rules *rules = parse("[films]\npath=*.mkv\nlane=direct\n"
				    "[small]\nsize=..64K\npin=true\n"
				    "[mine]\nowner=alice\npriority=high\npin=false\n"
				    "[logs]\npath=*.log\nwrite=around\nrevalidate=0\n"
				    "[rest]\nlane=plain\npriority=low\nwrite=through\nrevalidate=5m\n"
				    "[all]\nrevalidate=1d\n");
	struct rule_decision d =
		decide(rules, (struct rule_facts){.path = "/a.mkv", .size = 100, .owner = 1000});

	assert_int_equal(d.lane, LANE_DIRECT);
	assert_true(d.pin);
	assert_int_equal(d.priority, PRIORITY_HIGH);
	assert_string_equal(d.section, "films");
	d = decide(rules, (struct rule_facts){.path = "/b", .size = 1 << 20});
	assert_int_equal(d.lane, LANE_PLAIN);
	assert_false(d.pin);
	assert_int_equal(d.priority, PRIORITY_LOW);
	assert_string_equal(d.section, "rest");
	assert_true(d.has_write && d.through);
	d = decide(rules, (struct rule_facts){.path = "/b.log", .size = 1 << 20});
	assert_true(d.has_write && !d.through);
	assert_true(d.has_revalidate && d.revalidate_s == 0);
	d = decide(rules, (struct rule_facts){.path = "/c", .size = 1 << 20});
	assert_true(d.has_revalidate && d.revalidate_s == 300);
	rules_free(rules);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	refuse("[a]\nlane=cached\n\n[b]\nlane=fast\n",
		"line 5: lane=fast: ", "cached, plain, direct or trailed");
	refuse("[a]\nlane=plain\nsize=10Q..\n", "line 3: size=10Q..: ", "4K..1M");
	refuse("[a]\nlane=plain\nsize=1M\n", "line 3: size=1M: ", "a range of sizes");
	refuse("[a]\nlane=plain\nsize=..\n", "line 3: size=..: ", "a range of sizes");
	refuse("[a]\nlane=plain\nsize=2M..1M\n", "line 3: size=2M..1M: ", "begins above its end");
	refuse("[a]\nlane=plain\nsize=99999999T..\n", "line 3: ", "a range of sizes");
	refuse("[a]\nlane=plain\nage=5K..\n", "line 3: age=5K..: ", "a range of ages");
	refuse("[a]\nlane=plain\nowner=bob\n", "line 3: owner=bob: ", "no user 'bob'");
	refuse("[a]\nlane=plain\nowner=4294967295\n", "line 3: owner=4294967295: ", "no user '4294967295'");
	refuse("[a]\nlane=plain\nopen=append\n", "line 3: open=append: ", "read or write");
	refuse("[a]\nwrite=back\n", "line 2: write=back: ", "around or through");
	refuse("[a]\npin=maybe\n", "line 2: pin=maybe: ", "true or false");
	refuse("[a]\npriority=9\n", "line 2: priority=9: ", "low, normal or high");
	refuse("[a]\nrevalidate=soon\n", "line 2: revalidate=soon: ", "it takes a time");
	refuse("[a]\nrevalidate=-1\n", "line 2: revalidate=-1: ", "it takes a time");
	refuse("[a]\nrevalidate=367d\n", "line 2: revalidate=367d: ", "at most 366d");
	refuse("[a]\nlane=plain\npath=src/*\n", "line 3: path=src/*: ", "begins with /");
	refuse("[a]\nlane=plain\ncolour=red\n", "line 3: colour=red: ", "there is no such key");
	refuse("[a]\nlane=plain\nlane=direct\n", "line 3: lane=direct: ", "this key already");
	refuse("[a]\nlane=plain\n[a]\nlane=direct\n", "line 3: ", "section [a] already");
	refuse("\n[a]\npath=*.o\n[b]\npin=true\n", "line 2: ", "decides nothing");
	refuse("[a]\nlane=plain\nnonsense\n", "line 3: ", "nonsense");
	refuse("lane=plain\n", "line 1: ", "group");
	refuse("[a]\nlane=plain\n# \xff\xfe\n", "line 3: ", "UTF-8");
}

static void binary_data_is_refused(void **state)
{
	struct rules *rules = NULL;
	char *error;

	assert_true(rules_parse("[a]\0[b]", 7, NULL, &rules, &error) < 0);
	assert_non_null(strstr(error, "NUL"));
	free(error);
}

static void owners_are_numbers_where_names_are_unknown(void **state)
{
	struct rules *rules;
	char *error;

	assert_int_equal(rules_parse("[a]\nowner=0\npin=true", 20, NULL, &rules, &error), 0);
	assert_true(decide(rules, (struct rule_facts){.path = "/a"}).pin);
	rules_free(rules);
	assert_true(rules_parse("[a]\nowner=x\npin=true", 20, NULL, &rules, &error) < 0);
	free(error);
}

/* Whatever is thrown at the parser, it answers with rules or with a line. */
static void random_text_never_breaks_the_parser(void **state)
{
	static const char *const bits[] = {"[", "]", "a", "=", "\n", "lane", "plain", "path", "*", "**", "/",
		";", "..", "size", "4K", "#", " ", "\t", "\r", "pin", "true", "\\s", "[x]\n", "\xc3\xa4"};
	unsigned seed = 7;

	for (int i = 0; i < 20000; i++) {
		char text[256] = "[s]\n";
		struct rules *rules = NULL;
		char *error = NULL;

		for (int n = rand_r(&seed) % 20; n > 0; n--)
			strcat(text, bits[rand_r(&seed) % (sizeof(bits) / sizeof(bits[0]))]);
		if (rules_parse(text, strlen(text), find_user, &rules, &error) < 0) {
			assert_int_equal(strncmp(error, "line ", 5), 0);
			free(error);
		} else {
			decide(rules, (struct rule_facts){.path = "/a/b.c", .size = 10});
			rules_free(rules);
		}
	}
}

static void a_range_may_be_one_value(void **state)
{
	struct rules *rules = parse("[r]\nsize=4K..4K\nage=1m..60\npin=true\n");
	struct rule_facts facts = {.path = "/a", .size = 4096, .age_s = 60};

	assert_true(decide(rules, facts).pin);
	facts.size = 4097;
	assert_false(decide(rules, facts).pin);
	facts.size = 4095;
	assert_false(decide(rules, facts).pin);
	facts = (struct rule_facts){.path = "/a", .size = 4096, .age_s = 61};
	assert_false(decide(rules, facts).pin);
	rules_free(rules);
}

static void numbers_are_refused_that_do_not_fit_or_go_on(void **state)
{
	refuse("[a]\npin=true\nsize=4KB..\n", "line 3: size=4KB..: ", "a range of sizes");
	refuse("[a]\npin=true\nsize=99999999999999999999..\n", "line 3: ", "a range of sizes");
	refuse("[a]\npin=true\nsize=-1..\n", "line 3: ", "a range of sizes");
	refuse("[a]\npin=true\nage=1..99999999999999999999\n", "line 3: ", "a range of ages");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rules_decide_nothing),
		cmocka_unit_test(each_condition_narrows),
		cmocka_unit_test(the_first_section_that_says_it_decides),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
		cmocka_unit_test(binary_data_is_refused),
		cmocka_unit_test(owners_are_numbers_where_names_are_unknown),
		cmocka_unit_test(random_text_never_breaks_the_parser),
		cmocka_unit_test(a_range_may_be_one_value),
		cmocka_unit_test(numbers_are_refused_that_do_not_fit_or_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
